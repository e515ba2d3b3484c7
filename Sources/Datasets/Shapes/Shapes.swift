import Hashing
import Tensors

/// Ten plane figures in random colours, sizes, places and turns, on uneven and noisy ground: 32 × 32 pixels, RGB.
///
/// Built in and drawn when read, so that a run needs no files. Colours tell nothing about the class and figures move and
/// turn: after five epochs `simple_cnn` gets 97 % of the test split right, a linear classifier of the pixels 15 %.
///
/// - Determinism: a sample is a pure function of (seed, split, index), the same bytes on every host: integers, and
///   floating-point operations that IEEE 754 rounds exactly.
public struct Shapes: Dataset {
    /// The data set in the catalogue.
    public static let entry = DatasetEntry(
        name: "shapes",
        summary: "drawn figures of 10 classes, 32×32 RGB, 20000 train and 4000 test; built in, no files",
        augment: [RandomCrop(), HorizontalFlip()]
    ) { (_, _) throws(DatasetError) in Shapes() }

    /// Raised whenever a sample's bytes change, so that hosts with different programs do not train together.
    static let version = 1

    private let seed: UInt64
    private let trainCount: Int
    private let testCount: Int

    /// The data set of `seed`, which is not the run's seed: every run sees the same samples.
    public init(seed: UInt64 = 1, train: Int = 20000, test: Int = 4000) {
        precondition(train >= 1 && test >= 1, "each split has a sample")
        self.seed = seed
        trainCount = train
        testCount = test
    }

    /// The name in the catalogue.
    public var name: String { "shapes" }
    /// The names of the figures.
    public var classes: [String] { Figure.allCases.map(\.name) }
    /// 32 × 32 pixels of 3 channels.
    public var sampleShape: SampleShape {
        SampleShape(height: ShapeScene.side, width: ShapeScene.side, channels: ShapeScene.channels)
    }
    /// The statistics over the 20000 training samples of seed 1.
    public var normalization: Normalization {
        Normalization(mean: [0.4989, 0.5003, 0.4974], deviation: [0.2372, 0.2377, 0.2386])
    }
    /// The hexadecimal SHA-256 of what determines the samples: version, seed and counts.
    public var digest: String {
        SHA256.hash("shapes version \(Self.version) seed \(seed) train \(trainCount) test \(testCount)").hexadecimal
    }

    /// The number of samples in `split`.
    public func count(_ split: Split) -> Int { split == .train ? trainCount : testCount }

    /// Draws sample `index` of `split`; classes take turns, so that each has the same share of any run of samples.
    public func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
        precondition((0..<count(split)).contains(index), "shapes has no sample \(index) in \(split)")
        let figure = Figure.allCases[index % Figure.allCases.count]
        var random = RandomStream(seed: seed, StreamDomain.shapes, split == .train ? 0 : 1, UInt64(index))
        sample.reshape(to: sampleShape)
        sample.label = figure.rawValue
        let pose = Pose(&random)
        let scene = ShapeScene(.varied, &random)
        sample.withMutablePixels { pixels in
            guard let pixels = pixels.baseAddress else { return }
            scene.draw(figure, pose, into: pixels, random: &random)
        }
    }
}
