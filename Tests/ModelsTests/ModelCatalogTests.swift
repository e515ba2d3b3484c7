import Autograd
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("Model catalogue")
struct ModelCatalogTests {
    @Test(
        "the reference models have PyTorch's number of parameters",
        arguments: [
            ("simple_cnn", 268_650), ("resnet20", 272_474), ("resnet9", 6_573_120), ("mobilenet", 136_778),
        ])
    func counts(name: String, count: Int) throws {
        #expect(try Model(name, sample: [32, 32, 3], classes: 10, seed: 1).arena.trainableCount == count)
    }

    @Test("names are PyTorch's, in its order")
    func names() throws {
        let model = try Model("simple_cnn", sample: [32, 32, 3], classes: 10, seed: 1)
        #expect(
            model.signature == """
                simple_cnn [32, 32, 3] 10
                conv1.weight [16, 3, 3, 3]
                conv1.bias [16]
                conv2.weight [32, 16, 3, 3]
                conv2.bias [32]
                fc1.weight [128, 2048]
                fc1.bias [128]
                fc2.weight [10, 128]
                fc2.bias [10]
                """)
    }

    @Test("a block's names carry its place in the network")
    func blockNames() throws {
        let arena = try Model("resnet20", sample: [32, 32, 3], classes: 10, seed: 1).arena
        let names = arena.parameters.map(\.name).filter { $0.hasPrefix("6.") }
        #expect(
            names == [
                "6.c1.weight", "6.b1.weight", "6.b1.bias", "6.c2.weight", "6.b2.weight", "6.b2.bias", "6.sc.0.weight",
                "6.sc.1.weight", "6.sc.1.bias",
            ])
        #expect(arena.counters.map(\.name).contains("6.sc.1.num_batches_tracked"))
    }

    @Test("the seed decides the initial values")
    func seeds() throws {
        func values(_ seed: UInt64) throws -> [Float] {
            let arena = try Model("simple_cnn", sample: [8, 8, 3], classes: 2, seed: seed).arena
            return Array(UnsafeBufferPointer(start: arena.values, count: arena.count))
        }
        let (first, again, other) = (try values(1), try values(1), try values(2))
        #expect(first == again && first != other)
    }

    @Test("an unknown name is refused with the known ones and the nearest")
    func unknown() {
        #expect(
            message("resnet21", [32, 32, 3])
                == "unknown model 'resnet21'; known: \(ModelCatalog.all.map { $0.name }.joined(separator: ", ")); "
                + "did you mean 'resnet20'?")
    }

    @Test("samples that a network cannot take are refused with the layer's name")
    func misfit() {
        #expect(
            message("simple_cnn", [32, 1, 3])
                == "model 'simple_cnn' does not fit the data set: layer 'pool1' (max_pool2d) takes an image of at least 2×2 pixels, "
                + "but its input is a sample of shape [32, 1, 16]")
        #expect(
            message("resnet20", [32])
                == "model 'resnet20' does not fit the data set: layer '0' (conv2d) takes an image [H, W, 32], "
                + "but its input is a sample of shape [32]")
    }

    private func message(_ name: String, _ sample: Shape) -> String? {
        do throws(ModelError) {
            _ = try Model(name, sample: sample, classes: 10, seed: 1)
            return nil
        } catch {
            return error.description
        }
    }
}
