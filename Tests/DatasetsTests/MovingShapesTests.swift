import Datasets
import Tensors
import Testing

@Suite("Moving shapes")
struct MovingShapesTests {
    private static func sample(_ index: Int, of split: Split = .train, seed: UInt64 = 1) throws -> Sample {
        let dataset = MovingShapes(seed: seed)
        var sample = Sample(dataset.sampleShape)
        try dataset.read(index, of: split, into: &sample)
        return sample
    }

    @Test("a clip depends on seed, split and index alone")
    func isPure() throws {
        let dataset = MovingShapes()
        var reused = Sample(SampleShape(height: 1, width: 1, channels: 1))
        for index in [7, 3, 7, 11, 3] {
            try dataset.read(index, of: .train, into: &reused)
            let fresh = try Self.sample(index)
            #expect(reused.pixels == fresh.pixels && reused.label == fresh.label, "clip \(index)")
        }
        let base = try Self.sample(7).pixels
        #expect(try Self.sample(7, of: .test).pixels != base)
        #expect(try Self.sample(17).pixels != base)
        #expect(try Self.sample(7, seed: 2).pixels != base)
    }

    @Test("clips are the same bytes in every build and on every host")
    func keepsItsBits() throws {
        // FNV-1a over the pixels of the first twenty test clips.
        var checksum: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in 0..<20 {
            for byte in try Self.sample(index, of: .test).pixels {
                checksum = (checksum ^ UInt64(byte)) &* 0x100_0000_01b3
            }
        }
        #expect(checksum == 1_750_095_068_721_144_997)
    }

    @Test("clips have 8 to 16 frames, known without drawing them, and classes take turns")
    func hasLengths() throws {
        let dataset = MovingShapes()
        var seen: Set<Int> = []
        for index in 0..<100 {
            let sample = try Self.sample(index)
            #expect(sample.shape.frames == dataset.frames(index, of: .train))
            #expect(sample.label == index % 10)
            seen.insert(sample.shape.frames)
        }
        #expect(seen == Set(8...16))
        #expect(
            dataset.classes == [
                "left", "right", "up", "down", "growing", "shrinking", "clockwise", "counterclockwise", "bouncing",
                "still",
            ])
    }

    /// The poses of a clip of `motion` with the lots of `seed`.
    private static func poses(_ motion: Motion, seed: UInt64) -> [Pose] {
        var random = RandomStream(seed: seed)
        let frames = 8 + Int(seed % 9)
        let track = MotionTrack(motion, frames: frames, random: &random)
        return (0..<frames).map(track.pose)
    }

    /// The differences of a quantity from pose to pose.
    private static func steps(_ poses: [Pose], _ value: (Pose) -> Float) -> [Float] {
        zip(poses, poses.dropFirst()).map { value($1) - value($0) }
    }

    /// How far the second direction is turned counterclockwise from the first, as a sine.
    private static func turns(_ poses: [Pose]) -> [Float] {
        zip(poses, poses.dropFirst()).map {
            $0.direction.x * $1.direction.y - $0.direction.y * $1.direction.x
        }
    }

    @Test("figures move as their class says, and in no other way", arguments: Motion.allCases)
    func moves(motion: Motion) {
        for seed in UInt64(0)..<200 {
            let poses = Self.poses(motion, seed: seed)
            let (x, y) = (Self.steps(poses, \.centre.x), Self.steps(poses, \.centre.y))
            let (size, turn) = (Self.steps(poses, \.radius), Self.turns(poses))
            let isPlaced = x.allSatisfy { $0 == 0 } && y.allSatisfy { $0 == 0 }
            // Steps in a circle are of one length.
            let ways = zip(x, y).map { ($0 * $0 + $1 * $1).squareRoot() }
            let circles = ways.allSatisfy { $0 > 0.9 && abs($0 - ways[0]) < 0.01 }
            let (keepsSize, keepsTurn) = (size.allSatisfy { $0 == 0 }, turn.allSatisfy { $0 == 0 })
            switch motion {
            case .left: #expect(x.allSatisfy { $0 < -0.6 } && y.allSatisfy { $0 == 0 }, "seed \(seed)")
            case .right: #expect(x.allSatisfy { $0 > 0.6 } && y.allSatisfy { $0 == 0 }, "seed \(seed)")
            case .up: #expect(y.allSatisfy { $0 < -0.6 } && x.allSatisfy { $0 == 0 }, "seed \(seed)")
            case .down: #expect(y.allSatisfy { $0 > 0.6 } && x.allSatisfy { $0 == 0 }, "seed \(seed)")
            case .growing: #expect(size.allSatisfy { $0 > 0.1 } && isPlaced, "seed \(seed)")
            case .shrinking: #expect(size.allSatisfy { $0 < -0.1 } && isPlaced, "seed \(seed)")
            case .clockwise: #expect(turn.allSatisfy { $0 < -0.2 } && circles, "seed \(seed)")
            case .counterclockwise: #expect(turn.allSatisfy { $0 > 0.2 } && circles, "seed \(seed)")
            case .bouncing:
                let (forth, back) = ((x + y).contains { $0 > 0.4 }, (x + y).contains { $0 < -0.4 })
                #expect(forth && back, "seed \(seed)")
                #expect(x.allSatisfy { $0 == 0 } || y.allSatisfy { $0 == 0 }, "seed \(seed)")
            case .still: #expect(isPlaced, "seed \(seed)")
            }
            #expect(keepsSize || motion == .growing || motion == .shrinking, "seed \(seed)")
            #expect(keepsTurn || motion == .clockwise || motion == .counterclockwise, "seed \(seed)")
        }
    }

    @Test("place, size and direction in a frame taken at random are distributed alike in every class")
    func hidesTheClassFromFrames() {
        let clips = UInt64(4000)
        var random = RandomStream(seed: 5)
        let means = Motion.allCases.map { motion in
            var mean = [Double](repeating: 0, count: 8)
            for seed in 0..<clips {
                // Each class has lots of its own.
                let poses = Self.poses(motion, seed: seed + clips * UInt64(motion.rawValue))
                let pose = poses[random.integer(below: poses.count)]
                let (x, y) = (Double(pose.centre.x) - 15.5, Double(pose.centre.y) - 15.5)
                let (size, turn) = (Double(pose.radius) - 6.25, Double(pose.direction.x))
                for (place, value) in [x, y, size, turn, x * x, y * y, size * size, turn * turn].enumerated() {
                    mean[place] += value / Double(clips)
                }
            }
            return mean
        }
        // Four standard errors of a mean over 4000 clips.
        let tolerances = [0.36, 0.36, 0.12, 0.045, 2.0, 2.0, 0.2, 0.025]
        for (place, tolerance) in tolerances.enumerated() {
            let all = means.map { $0[place] }.reduce(0, +) / 10
            for motion in Motion.allCases {
                let difference = abs(means[motion.rawValue][place] - all)
                #expect(difference < tolerance, "\(motion), quantity \(place): \(difference)")
            }
        }
    }

    @Test("a still clip changes by its noise alone, and a moving one by more")
    func drawsMotion() throws {
        for index in 0..<60 {
            let sample = try Self.sample(index)
            let pixels = sample.pixels
            // A square looks the same after a quarter turn, so the last frame alone does not show all.
            let changes = stride(from: 3072, to: pixels.count, by: 3072).map { frame in
                (0..<3072).count { abs(Int(pixels[$0]) - Int(pixels[frame + $0])) > 17 }
            }
            let changed = changes.max() ?? 0
            if Motion(rawValue: sample.label) == .still {
                // The noise of two frames, at most 8 each, and rounding.
                #expect(changed == 0, "clip \(index)")
            } else if Motion(rawValue: sample.label) != .bouncing {
                #expect(changed > 30, "clip \(index): \(changed)")
            }
        }
    }

    @Test("the normalization is that of the samples")
    func hasStatistics() throws {
        try expectStatistics(of: MovingShapes(), over: Array(0..<100), tolerance: 0.03)
    }

    @Test("a batch of unequal clips holds zeros behind each clip and tells their lengths")
    func padsClips() throws {
        let dataset = MovingShapes()
        let loader = Loader(try Pipeline(dataset), seed: 1, pool: MemoryPool())
        loader.enqueue([.training(ArraySlice(0..<12), epoch: 0)])
        let batch = try #require(try loader.next())
        #expect(loader.close())
        #expect(batch.input.shape == [12, 16, 32, 32, 3])
        let lengths = try #require(batch.lengths)
        #expect(lengths == (0..<12).map { dataset.frames($0, of: .train) })
        let elements = batch.input.elements
        for (row, length) in lengths.enumerated() {
            let clip = elements[row * 16 * 3072..<(row + 1) * 16 * 3072]
            #expect(clip.dropFirst(length * 3072).allSatisfy { $0 == 0 }, "row \(row)")
            #expect(!clip.dropFirst((length - 1) * 3072).prefix(3072).allSatisfy { $0 == 0 }, "row \(row)")
        }
    }

    @Test("with buckets a batch is as long as its longest clip, with the same bits")
    func bucketsClips() throws {
        let dataset = MovingShapes()
        func batch(isBucketed: Bool) throws -> Batch {
            let pipeline = try Pipeline(dataset, isBucketed: isBucketed)
            let loader = Loader(pipeline, seed: 1, pool: MemoryPool())
            defer { loader.close() }
            let short = (0..<200).filter { dataset.frames($0, of: .train) <= 10 }
            loader.enqueue([.training(short[..<5], epoch: 0)])
            return try #require(try loader.next())
        }
        let (whole, short) = (try batch(isBucketed: false), try batch(isBucketed: true))
        let frames = try #require(whole.lengths?.max())
        #expect(frames <= 10 && short.input.shape == [5, frames, 32, 32, 3])
        #expect(short.lengths ?? Array(repeating: frames, count: 5) == whole.lengths)
        let (long, cut) = (whole.input.elements, short.input.elements)
        for row in 0..<5 {
            #expect(
                long[row * 16 * 3072..<(row * 16 + frames) * 3072]
                    == cut[row * frames * 3072..<(row + 1) * frames * 3072])
        }
    }

    @Test("a batch of full clips has no lengths")
    func omitsLengths() throws {
        let dataset = MovingShapes()
        let full = (0..<200).filter { dataset.frames($0, of: .train) == 16 }
        let loader = Loader(try Pipeline(dataset), seed: 1, pool: MemoryPool())
        loader.enqueue([.training(full[..<3], epoch: 0)])
        #expect(try loader.next()?.lengths == nil)
        #expect(loader.close())
    }
}
