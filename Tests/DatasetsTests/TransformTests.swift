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
        var random = RandomStream(seed: 3)
        let original = Self.numbered(SampleShape(height: 9, width: 9, channels: 1))
        for _ in 0..<1200 {
            var sample = original
            RandomCrop().apply(to: &sample, random: &random)
            seen.insert(sample.pixels)
        }
        #expect(seen.count == 81)
    }

    @Test("a flip happens in about half of the cases")
    func flipsHalf() {
        var random = RandomStream(seed: 4)
        let original = Self.numbered(SampleShape(height: 2, width: 3, channels: 1))
        var flips = 0
        for _ in 0..<1000 {
            var sample = original
            HorizontalFlip().apply(to: &sample, random: &random)
            if sample.pixels != original.pixels { flips += 1 }
        }
        // Five standard deviations of 16.
        #expect(abs(flips - 500) < 80)
    }

    @Test("every transform of the catalogue keeps shape and label and repeats with its stream")
    func keepContract() throws {
        let names = TransformCatalog.entries.map(\.name)
        #expect(Set(names).count == names.count)
        for transform in try TransformCatalog.transforms(named: names) {
            let original = Self.numbered(SampleShape(frames: 2, height: 6, width: 5, channels: 3))
            for seed in UInt64(0)..<20 {
                var (first, second) = (original, original)
                var (one, two) = (RandomStream(seed: seed), RandomStream(seed: seed))
                transform.apply(to: &first, random: &one)
                transform.apply(to: &second, random: &two)
                #expect(first.pixels == second.pixels, "\(transform.name), seed \(seed)")
                #expect(one.position == two.position, "\(transform.name), seed \(seed)")
                #expect(first.shape == original.shape && first.label == 3)
            }
        }
    }

    @Test("an unknown transform is named with the known ones and the nearest")
    func namesUnknown() throws {
        let error = try #require(throws: DatasetError.self) {
            _ = try TransformCatalog.transforms(named: ["random_crop", "horizontal_flop"])
        }
        #expect(
            "\(error)" == "unknown transform 'horizontal_flop'; known: random_crop, horizontal_flip; "
                + "did you mean 'horizontal_flip'?")
    }
}
