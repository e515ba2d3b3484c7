import Hashing
import Tensors

/// Clips of a figure whose class is its motion: 8 to 16 frames of 32 × 32 pixels, RGB.
///
/// Built in and drawn when read, so that a run needs no files. Figure, colours, place, size and direction tell nothing
/// about the class, and neither does any single frame: a network needs the order of the frames.
///
/// - Determinism: a sample is a pure function of (seed, split, index), the same bytes on every host: integers, and
///   floating-point operations that IEEE 754 rounds exactly.
public struct MovingShapes: Dataset {
    /// The data set in the catalogue; it is not augmented: a mirrored clip of one class belongs to another.
    public static let entry = DatasetEntry(
        name: "moving_shapes",
        summary: "drawn clips of 10 motions, 8 to 16 frames of 32×32 RGB, 4000 train and 1000 test; built in, no files"
    ) { (_, _) throws(DatasetError) in MovingShapes() }

    /// Raised whenever a sample's bytes change, so that hosts with different programs do not train together.
    static let version = 2
    /// The numbers of frames that occur.
    static let frames = 8...16
    /// The figures that look different when they are turned, also when they are small.
    private static let figures: [Figure] = [.triangle, .cross, .crescent, .heart, .arrow, .bars]

    private let seed: UInt64
    private let trainCount: Int
    private let testCount: Int

    /// The data set of `seed`, which is not the run's seed: every run sees the same samples.
    public init(seed: UInt64 = 1, train: Int = 4000, test: Int = 1000) {
        precondition(train >= 1 && test >= 1, "each split has a sample")
        self.seed = seed
        trainCount = train
        testCount = test
    }

    /// The name in the catalogue.
    public var name: String { "moving_shapes" }
    /// The names of the motions.
    public var classes: [String] { Motion.allCases.map(\.name) }
    /// At most 16 frames of 32 × 32 pixels of 3 channels.
    public var sampleShape: SampleShape {
        SampleShape(
            frames: Self.frames.upperBound, height: ShapeScene.side, width: ShapeScene.side,
            channels: ShapeScene.channels)
    }
    /// The statistics over the 4000 training clips of seed 1.
    public var normalization: Normalization {
        Normalization(mean: [0.162, 0.162, 0.162], deviation: [0.15, 0.15, 0.15])
    }
    /// The hexadecimal SHA-256 of what determines the samples: version, seed and counts.
    public var digest: String {
        SHA256.hash("moving_shapes version \(Self.version) seed \(seed) train \(trainCount) test \(testCount)")
            .hexadecimal
    }

    /// The number of clips in `split`.
    public func count(_ split: Split) -> Int { split == .train ? trainCount : testCount }

    /// The number of frames of clip `index`.
    public func frames(_ index: Int, of split: Split) -> Int {
        var random = stream(index, of: split)
        return frames(&random)
    }

    /// Draws clip `index` of `split`; classes take turns, so that each has the same share of any run of samples.
    public func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
        precondition((0..<count(split)).contains(index), "moving_shapes has no clip \(index) in \(split)")
        var random = stream(index, of: split)
        var shape = sampleShape
        shape.frames = frames(&random)
        sample.reshape(to: shape)
        sample.label = index % Motion.allCases.count
        let figure = Self.figures[random.integer(below: Self.figures.count)]
        let track = MotionTrack(Motion.allCases[sample.label], frames: shape.frames, random: &random)
        let scene = ShapeScene(.plain, &random)
        sample.withMutablePixels { pixels in
            guard let pixels = pixels.baseAddress else { return }
            for frame in 0..<shape.frames {
                let place = pixels + frame * shape.height * shape.rowBytes
                scene.draw(figure, track.pose(frame), into: place, random: &random)
            }
        }
    }

    private func stream(_ index: Int, of split: Split) -> RandomStream {
        RandomStream(seed: seed, StreamDomain.movingShapes, split == .train ? 0 : 1, UInt64(index))
    }

    private func frames(_ random: inout RandomStream) -> Int {
        Self.frames.lowerBound + random.integer(below: Self.frames.count)
    }
}
