import Configuration
import Datasets
import Tensors
import Testing

@Suite("Transforms beside Pillow and torchvision")
struct TransformGoldenTests {
    private let fixture: PixelFixture
    private let image: Sample

    init() throws {
        fixture = try PixelFixture("transforms")
        image = try fixture.sample("image")
    }

    private func result(_ transform: some Transform, of sample: Sample? = nil) throws -> Sample {
        var sample = sample ?? image
        let shape = try transform.outputShape(for: sample.shape)
        var visit = Visit(seed: 1, epoch: 0, index: 0)
        transform.apply(to: &sample, &visit)
        #expect(sample.shape == shape)
        return sample
    }

    @Test(
        "resizing is Pillow's, bit for bit",
        arguments: [[7, 9], [22, 28], [11, 5], [30, 14], [25, 8]])
    func resizes(size: [Int]) throws {
        let resized = try result(Resize(height: size[0], width: size[1]))
        #expect(try resized.pixels == fixture.bytes("resize.\(size[0]).\(size[1])"))
    }

    @Test("grey is Pillow's, bit for bit, in one channel and in three")
    func greys() throws {
        var grey = Greyscale()
        let expected = try fixture.bytes("greyscale")
        #expect(try result(grey).pixels == expected.flatMap { [$0, $0, $0] })
        grey.channels = 1
        #expect(try result(grey).pixels == expected)
    }

    @Test("equalising is Pillow's, bit for bit; a clip has one histogram")
    func equalizes() throws {
        // The script repeats each row six times, for more than 255 pixels; the order of rows does not matter.
        let shape = SampleShape(frames: 6, height: 11, width: 14, channels: 3)
        var clip = Sample(shape)
        let frame = image.pixels
        clip.withMutablePixels { pixels in
            for place in pixels.indices { pixels[place] = frame[place % frame.count] }
        }
        let expected = try fixture.bytes("equalize")
        let pixels = try result(Equalize(), of: clip).pixels
        for row in 0..<11 {
            #expect(pixels[row * 42..<(row + 1) * 42] == expected[row * 6 * 42..<(row * 6 + 1) * 42], "row \(row)")
        }
    }

    @Test("cutting out the middle and padding are torchvision's")
    func cropsAndPads() throws {
        var crop = CenterCrop()
        crop.size.value = 8
        #expect(try result(crop).pixels == fixture.bytes("center_crop"))
        var pad = Pad()
        pad.padding = 2
        #expect(try result(pad).pixels == fixture.bytes("pad"))
    }

    @Test(
        "changes of colour are torchvision's but for the last bit",
        arguments: [
            ("brightness.0.4", ColorAdjustment.brightness(0.4)), ("brightness.1.7", .brightness(1.7)),
            ("contrast.0.4", .contrast(0.4)), ("contrast.1.7", .contrast(1.7)),
            ("saturation.0.4", .saturation(0.4)), ("saturation.1.7", .saturation(1.7)),
            ("hue.-0.37", .hue(-0.37)), ("hue.0.21", .hue(0.21)),
        ])
    func changesColours(key: String, adjustment: ColorAdjustment) throws {
        var sample = image
        adjustment.apply(to: &sample)
        #expect(try largestDifference(sample.pixels, fixture.bytes(key)) <= 1)
    }

    /// Rows of the batch in the fixture with channels last.
    private func batch(_ key: String) throws -> [Float] {
        let numbers = try fixture.numbers(key)
        return (0..<4).flatMap { n in
            (0..<48).flatMap { pixel in (0..<3).map { numbers[(n * 3 + $0) * 48 + pixel] } }
        }
    }

    @Test("mixed batches are torchvision's, pairs and weights included")
    func mixes() throws {
        var rows = try batch("batch")
        let weight = try fixture.numbers("exact.mixup_weight")[0]
        rows.withUnsafeMutableBufferPointer { rows in
            guard let base = rows.baseAddress else { return }
            Mixup.blend(base, count: 4, size: 144, weight: weight)
        }
        #expect(try zip(rows, batch("mixup")).allSatisfy { abs($0 - $1) < 1e-6 })
        rows = try batch("batch")
        let kept = rows.withUnsafeMutableBufferPointer { rows in
            rows.baseAddress.map {
                let shape = SampleShape(height: 6, width: 8, channels: 3)
                return Cutmix.paste($0, count: 4, shape: shape, centre: (4, 3), ratio: 0.35)
            }
        }
        #expect(try rows == batch("cutmix"))
        #expect(try abs((kept ?? 0) - fixture.numbers("exact.cutmix_weight")[0]) < 1e-6)
    }
}

@Suite("Random transforms")
struct RandomTransformTests {
    private static func flat(_ level: UInt8, height: Int = 20, width: Int = 30) -> Sample {
        var sample = Sample(SampleShape(frames: 2, height: height, width: width, channels: 3))
        sample.withMutablePixels { $0.update(repeating: level) }
        return sample
    }

    @Test("an alternating flip mirrors each sample in every second epoch, half of them in the first")
    func alternates() {
        var original = Self.flat(7)
        original.withMutablePixels { $0[0] = 200 }
        var first = 0
        for index in 0..<400 {
            let isMirrored = (0..<4).map { epoch in
                var sample = original
                var visit = Visit(seed: 9, epoch: epoch, index: index)
                AlternatingFlip().apply(to: &sample, &visit)
                return sample.pixels != original.pixels
            }
            #expect(isMirrored == [isMirrored[0], !isMirrored[0], isMirrored[0], !isMirrored[0]])
            if isMirrored[0] { first += 1 }
        }
        // Four standard deviations of 10.
        #expect(abs(first - 200) < 40)
    }

    @Test("cutout covers a square in all frames, cut off at the border")
    func cutsOut() {
        var cutout = Cutout()
        cutout.size = 6
        cutout.fill = 99
        var areas: Set<Int> = []
        for index in 0..<200 {
            var sample = Self.flat(7)
            var visit = Visit(seed: 2, epoch: 0, index: index)
            cutout.apply(to: &sample, &visit)
            let pixels = sample.pixels
            let half = pixels.count / 2
            #expect(pixels[..<half] == pixels[half...])
            areas.insert(pixels[..<half].count { $0 == 99 } / 3)
        }
        #expect(areas.max() == 36 && (areas.min() ?? 0) >= 9)
    }

    @Test("random erasing happens in its share of the cases, with its areas and proportions")
    func erases() {
        var erasing = RandomErasing()
        erasing.probability = 0.25
        erasing.fill = 200
        var count = 0
        for index in 0..<800 {
            var sample = Self.flat(7)
            var visit = Visit(seed: 3, epoch: 1, index: index)
            erasing.apply(to: &sample, &visit)
            let covered = sample.pixels.count { $0 == 200 } / 6
            if covered == 0 { continue }
            count += 1
            let share = Double(covered) / 600
            #expect(share > 0.01 && share < 0.36, "index \(index): \(share)")
        }
        // Four standard deviations of 12.
        #expect(abs(count - 200) < 49)
    }

    @Test("jitter without bounds changes nothing; with bounds all frames alike")
    func jitters() {
        var sample = Self.flat(100)
        var visit = Visit(seed: 1, epoch: 0, index: 0)
        ColorJitter().apply(to: &sample, &visit)
        #expect(sample.pixels == Self.flat(100).pixels)
        var jitter = ColorJitter()
        (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue) = (0.5, 0.5, 0.5, 0.1)
        var seen: Set<UInt8> = []
        for index in 0..<50 {
            var sample = Self.flat(100)
            var visit = Visit(seed: 1, epoch: 0, index: index)
            jitter.apply(to: &sample, &visit)
            let pixels = sample.pixels
            #expect(pixels[..<(pixels.count / 2)] == pixels[(pixels.count / 2)...])
            seen.insert(pixels[0])
        }
        #expect(seen.count > 20 && (seen.min() ?? 0) >= 45 && (seen.max() ?? 255) <= 151)
    }

    @Test("mixing in a loader keeps own targets, names the neighbours' and repeats with its seed", arguments: [1, 3])
    func mixesInLoader(threads: Int) throws {
        func load(_ names: [TransformSetting]) throws -> Batch {
            let loader = Loader(
                try Pipeline(Shapes(train: 40), augment: names), seed: 5, threads: threads, pool: MemoryPool())
            defer { loader.close() }
            loader.enqueue([.training(ArraySlice([4, 7, 21, 38]), epoch: 2)])
            return try #require(try loader.next())
        }
        let plain = try load([])
        #expect(plain.mixed == nil)
        var mixup = Mixup()
        mixup.alpha = 0.4
        let mixed = try load([TransformSetting(mixup)])
        let targets = try #require(mixed.mixed)
        #expect(mixed.targets == plain.targets && targets.targets == [8, 4, 7, 1])
        #expect(targets.weight > 0 && targets.weight < 1)
        let (own, other) = (plain.input.elements, mixed.input.elements)
        let size = own.count / 4
        for place in stride(from: 0, to: own.count, by: 97) {
            let neighbour = own[(place + 3 * size) % own.count]
            let expected = own[place] * targets.weight + neighbour * (1 - targets.weight)
            #expect(abs(other[place] - expected) < 1e-6)
        }
        #expect(try load([TransformSetting(mixup)]).input.elements == other)
        let pasted = try #require(try load([TransformSetting(Cutmix())]).mixed)
        #expect(pasted.targets == [8, 4, 7, 1] && (0...1).contains(pasted.weight))
    }

    @Test("two ways to mix a batch, or statistics of another number of channels, are refused")
    func refuses() throws {
        let both = try #require(throws: DatasetError.self) {
            _ = try Pipeline(Shapes(), augment: [TransformSetting(Mixup()), TransformSetting(Cutmix())])
        }
        #expect("\(both)" == "data.augment holds mixup and cutmix, of which a batch takes one; remove one")
        var grey = Greyscale()
        grey.channels = 1
        let channels = try #require(throws: DatasetError.self) {
            _ = try Pipeline(Shapes(), augment: [TransformSetting(grey)], evaluation: [TransformSetting(grey)])
        }
        #expect(
            "\(channels)" == "samples of 32×32×1 do not fit a normalisation of 3 channels; "
                + "set data.normalize to a mean and a deviation for each channel")
    }
}
