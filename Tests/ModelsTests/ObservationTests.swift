import Autograd
import Foundation
import Models
import Tensors
import TestSupport
import Testing

@Suite("Observation of layers")
struct ObservationTests {
    private struct Parameters: Decodable {
        let model, layer: String
        let classes: Int
    }

    @Test("Grad-CAM is what hooks in PyTorch give", arguments: Fixture.names(in: .module, startingWith: "grad_cam"))
    func classActivation(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let parameters: Parameters = try fixture.parameters()
        let input = try fixture.batch("input")
        let model = try Model(
            parameters.model, sample: Shape(Array(input.shape.dimensions.dropFirst())), classes: parameters.classes,
            seed: fixture.seed())
        let map = try model.classActivation(
            at: parameters.layer, for: input, targets: fixture.integers("target").map(Int.init), engine: try Engine())
        #expect(disagreement(map, try fixture.weights("map"), relative: 1e-4) == nil)
        #expect(map.elements.contains { $0 > 0 })
    }

    @Test("feature maps are the layers' outputs in evaluation mode")
    func featureMaps() throws {
        var generator = CaseGenerator(seed: 8)
        let model = try Model("resnet20", sample: [12, 12, 3], classes: 4, seed: 1)
        let input = generator.tensor([2, 12, 12, 3])
        let maps = try model.outputs(of: ["0", "9", "2"], for: input, engine: try Engine())
        #expect(maps.mapValues(\.shape) == ["0": [2, 12, 12, 16], "2": [2, 12, 12, 16], "9": [2, 3, 3, 64]])
        let rectified = try #require(maps["2"])
        #expect(rectified.elements.allSatisfy { $0 >= 0 })
        #expect(model.arena.counts.allSatisfy { $0 == 0 })
    }

    @Test("a layer that is not there, or has no pixels, is refused")
    func refusals() throws {
        let model = try Model("simple_cnn", sample: [8, 8, 3], classes: 4, seed: 1)
        let input = Tensor(zeros: [1, 8, 8, 3])
        func text(_ body: () throws(ObservationError) -> Void) -> String {
            do throws(ObservationError) {
                try body()
                return "no problem"
            } catch {
                return "\(error)"
            }
        }
        let engine = try Engine()
        #expect(
            text { () throws(ObservationError) in _ = try model.outputs(of: ["cov2"], for: input, engine: engine) }
                == "unknown layer 'cov2'; known: conv1, relu1, pool1, conv2, relu2, pool2, flatten, fc1, relu3, fc2; "
                + "did you mean 'conv2'?")
        #expect(
            text { () throws(ObservationError) in
                _ = try model.classActivation(at: "fc1", for: input, targets: [0], engine: engine)
            }
                == "layer 'fc1' (linear) gives samples of shape [128], but Grad-CAM needs an image or a clip; "
                + "name a convolution or another layer before the flattening")
    }

    @Test("the table lists every layer with shape and parameters, and the total")
    func table() throws {
        let outline = try ModelOutline(.init(), sample: [32, 32, 3], classes: 10)
        #expect(
            outline.table == """
                layer    kind        output        parameters
                conv1    conv2d      [32, 32, 16]         448
                relu1    relu        [32, 32, 16]           0
                pool1    max_pool2d  [16, 16, 16]           0
                conv2    conv2d      [16, 16, 32]       4,640
                relu2    relu        [16, 16, 32]           0
                pool2    max_pool2d  [8, 8, 32]             0
                flatten  flatten     [2048]                 0
                fc1      linear      [128]            262,272
                relu3    relu        [128]                  0
                fc2      linear      [10]               1,290
                total                                 268,650
                """)
    }
}
