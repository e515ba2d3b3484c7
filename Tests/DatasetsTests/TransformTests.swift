import Configuration
import Datasets
import Tensors
import Testing

@Suite("Transforms")
struct TransformTests {
    /// A sample whose bytes tell frame, row, column and channel.
    private static func numbered(_ shape: SampleShape) -> Sample {
        var sample = Sample(shape)
        sample.label = 3
        sample.withMutablePixels { pixels in
            for index in pixels.indices { pixels[index] = UInt8(truncatingIfNeeded: index &* 37 &+ 11) | 1 }
        }
        return sample
    }

    private static func place(_ shape: SampleShape, _ t: Int, _ y: Int, _ x: Int, _ c: Int) -> Int {
        ((t * shape.height + y) * shape.width + x) * shape.channels + c
    }

    private static let shapes = [
        SampleShape(height: 5, width: 7, channels: 3), SampleShape(frames: 3, height: 4, width: 6, channels: 2),
        SampleShape(height: 2, width: 1, channels: 1),
    ]

    @Test("a shifted sample equals the padded one cut at the place", arguments: shapes)
    func shifts(shape: SampleShape) {
        let original = Self.numbered(shape)
        let bytes = original.pixels
        for down in -5...5 {
            for right in -8...8 {
                var shifted = original
                RandomCrop.shift(&shifted, from: (down, right))
                var expected = [UInt8](repeating: 0, count: shape.count)
                for t in 0..<shape.frames {
                    for y in 0..<shape.height where (0..<shape.height).contains(y + down) {
                        for x in 0..<shape.width where (0..<shape.width).contains(x + right) {
                            for c in 0..<shape.channels {
                                expected[Self.place(shape, t, y, x, c)] =
                                    bytes[Self.place(shape, t, y + down, x + right, c)]
                            }
                        }
                    }
                }
                #expect(shifted.pixels == expected, "\(shape) from \(down), \(right)")
            }
        }
    }

    @Test("a mirrored sample has every row reversed, and twice is the original", arguments: shapes)
    func mirrors(shape: SampleShape) {
        let original = Self.numbered(shape)
        let bytes = original.pixels
        var mirrored = original
        HorizontalFlip.mirror(&mirrored)
        let pixels = mirrored.pixels
        for t in 0..<shape.frames {
            for y in 0..<shape.height {
                for x in 0..<shape.width {
                    for c in 0..<shape.channels {
                        #expect(
                            pixels[Self.place(shape, t, y, x, c)]
                                == bytes[Self.place(shape, t, y, shape.width - 1 - x, c)])
                    }
                }
            }
        }
        HorizontalFlip.mirror(&mirrored)
        #expect(mirrored.pixels == bytes)
    }

    @Test("a crop with padding 4 reaches all 81 places")
    func reachesEveryPlace() {
        var seen: Set<[UInt8]> = []
        let original = Self.numbered(SampleShape(height: 9, width: 9, channels: 1))
        for epoch in 0..<1200 {
            var sample = original
            var visit = Visit(seed: 3, epoch: epoch, index: 0)
            RandomCrop().apply(to: &sample, &visit)
            seen.insert(sample.pixels)
        }
        #expect(seen.count == 81)
    }

    @Test("a flip happens in about half of the cases")
    func flipsHalf() {
        let original = Self.numbered(SampleShape(height: 2, width: 3, channels: 1))
        var flips = 0
        for index in 0..<1000 {
            var sample = original
            var visit = Visit(seed: 4, epoch: 2, index: index)
            HorizontalFlip().apply(to: &sample, &visit)
            if sample.pixels != original.pixels { flips += 1 }
        }
        // Five standard deviations of 16.
        #expect(abs(flips - 500) < 80)
    }

    @Test("every transform of the catalogue keeps its promises of shape, label and repetition")
    func keepContract() throws {
        let names = TransformCatalog.entries.map { $0.name }
        #expect(Set(names).count == names.count)
        for name in names {
            guard let transform = try TransformSetting(named: name).transform as? any Transform else { continue }
            let original = Self.numbered(SampleShape(frames: 2, height: 6, width: 5, channels: 3))
            let shape = try transform.outputShape(for: original.shape)
            for seed in UInt64(0)..<20 {
                var (first, second) = (original, original)
                var visits = (Visit(seed: seed, epoch: 3, index: 5), Visit(seed: seed, epoch: 3, index: 5))
                transform.apply(to: &first, &visits.0)
                transform.apply(to: &second, &visits.1)
                #expect(first.pixels == second.pixels, "\(name), seed \(seed)")
                #expect(visits.0.random.position == visits.1.random.position, "\(name), seed \(seed)")
                #expect(first.shape == shape && first.label == 3)
                let drawsNothing = visits.0.random.position == Visit(seed: seed, epoch: 3, index: 5).random.position
                #expect(type(of: transform).isRandom || drawsNothing, "\(name) says that it is not random")
            }
        }
    }

    @Test("a crop of a size takes rows and columns of all frames from one place")
    func cropsToSize() throws {
        let shape = SampleShape(frames: 2, height: 6, width: 8, channels: 3)
        let original = Self.numbered(shape)
        var crop = RandomCrop()
        crop.size.value = 3
        crop.padding = 1
        #expect(try crop.outputShape(for: shape) == SampleShape(frames: 2, height: 3, width: 3, channels: 3))
        var places: Set<[Int]> = []
        for index in 0..<300 {
            var sample = original
            var visit = Visit(seed: 1, epoch: 0, index: index)
            var copy = visit
            crop.apply(to: &sample, &visit)
            let (y, x) = (copy.random.integer(below: 6) - 1, copy.random.integer(below: 8) - 1)
            places.insert([y, x])
            var expected: [UInt8] = []
            for t in 0..<2 {
                for row in y..<y + 3 {
                    for column in x..<x + 3 {
                        for c in 0..<3 {
                            let isInside = (0..<6).contains(row) && (0..<8).contains(column)
                            expected.append(isInside ? original.pixels[Self.place(shape, t, row, column, c)] : 0)
                        }
                    }
                }
            }
            #expect(sample.pixels == expected, "from \(y), \(x)")
        }
        #expect(places.count == 48)
    }

    @Test("transforms that do not fit the samples or each other are refused with key and remedy")
    func refusesMisfits() throws {
        let dataset = Shapes()
        var crop = RandomCrop()
        crop.size.value = 33
        let tooLarge = try #require(throws: DatasetError.self) {
            var unpadded = crop
            unpadded.padding = 0
            _ = try Pipeline(dataset, augment: [TransformSetting(unpadded)])
        }
        #expect(
            "\(tooLarge)" == "data.augment: random_crop cannot cut 33×33 pixels out of a sample of 32×32×3; "
                + "set its size to at most 32")
        crop.size.value = 24
        let unlike = try #require(throws: DatasetError.self) {
            _ = try Pipeline(dataset, augment: [TransformSetting(crop)])
        }
        #expect(
            "\(unlike)" == "data.augment makes samples of 24×24×3 and data.evaluation of 32×32×3; "
                + "both must end with the same sizes, for instance with random_crop and center_crop of one size")
    }
}
