import Datasets
import Foundation
import Testing

@Suite("Shapes")
struct ShapesTests {
    private static func sample(_ index: Int, of split: Split = .train, seed: UInt64 = 1) throws -> Sample {
        let dataset = Shapes(seed: seed)
        var sample = Sample(dataset.sampleShape)
        try dataset.read(index, of: split, into: &sample)
        return sample
    }

    @Test("a sample depends on seed, split and index alone")
    func isPure() throws {
        let dataset = Shapes()
        var reused = Sample(SampleShape(height: 1, width: 1, channels: 1))
        for index in [7, 3, 7, 11, 3] {
            try dataset.read(index, of: .train, into: &reused)
            let fresh = try Self.sample(index)
            #expect(reused.pixels == fresh.pixels && reused.label == fresh.label, "sample \(index)")
        }
        let base = try Self.sample(7).pixels
        #expect(try Self.sample(7, of: .test).pixels != base)
        #expect(try Self.sample(17).pixels != base)
        #expect(try Self.sample(7, seed: 2).pixels != base)
    }

    @Test("samples are the same bytes in every build and on every host")
    func keepsItsBits() throws {
        // FNV-1a over the pixels of the first twenty test samples.
        var checksum: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in 0..<20 {
            for byte in try Self.sample(index, of: .test).pixels {
                checksum = (checksum ^ UInt64(byte)) &* 0x100_0000_01b3
            }
        }
        #expect(checksum == 0x59839cee2fd75384)
    }

    @Test("the figure of every class is drawn inside the picture, in a colour of its own", arguments: 0..<10)
    func drawsEveryFigure(label: Int) throws {
        // Ground and ink are at least 100 apart in colour space, so 58 in one channel, less what stripes and slope blur.
        for index in stride(from: label, to: 200, by: 10) {
            let sample = try Self.sample(index)
            #expect(sample.label == label)
            let spread = (0..<3).map { channel -> Int in
                let values = stride(from: channel, to: 3072, by: 3).map { Int(sample.pixels[$0]) }.sorted()
                return values[values.count * 98 / 100] - values[values.count * 2 / 100]
            }
            #expect((spread.max() ?? 0) > 50, "sample \(index): \(spread)")
        }
    }

    @Test("labels take turns over the ten classes")
    func balancesLabels() throws {
        let dataset = Shapes()
        #expect(
            dataset.classes == [
                "circle", "square", "triangle", "cross", "ring", "star", "crescent", "heart", "arrow", "bars",
            ])
        #expect(try (0..<20).map { try Self.sample($0).label } == (0..<20).map { $0 % 10 })
        #expect(dataset.count(.train) == 20000)
        #expect(dataset.count(.test) == 4000)
    }

    @Test("the normalization is that of the samples")
    func hasStatistics() throws {
        try expectStatistics(of: Shapes(), over: Array(0..<200), tolerance: 0.02)
    }

    @Test("the digest tells seeds and counts apart")
    func digestsParameters() {
        let digests = [Shapes(), Shapes(seed: 2), Shapes(train: 10), Shapes(test: 10)].map(\.digest)
        #expect(Set(digests).count == 4)
        #expect(Shapes().digest == digests[0])
        #expect(digests.allSatisfy { $0.count == 64 })
    }
}
