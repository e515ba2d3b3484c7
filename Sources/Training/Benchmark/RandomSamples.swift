import Datasets
import Layers
import Models
import Tensors

/// Random numbers in the place of a data set: the sizes are real, and nothing is read.
struct RandomSamples: Dataset, BatchSource {
    /// The samples that reference models are made for: CIFAR's images, and clips of 16 of them.
    private static let image = SampleShape(height: 32, width: 32, channels: 3)
    private static let clip = SampleShape(frames: 16, height: 32, width: 32, channels: 3)

    let name = "random"
    let classes = (0..<10).map(String.init)
    let sampleShape: SampleShape
    let normalization = Normalization(mean: [0, 0, 0], deviation: [1, 1, 1])
    let digest = ""
    private let batch: Batch

    /// Makes one batch of `count` samples that the model `model` takes.
    ///
    /// - Throws: `ModelError` when there is no such model, or it takes neither images nor clips.
    init(model: String, count: Int, seed: UInt64) throws {
        sampleShape = try Self.shape(for: model)
        var random = RandomStream(seed: seed)
        let shape = Shape([count] + sampleShape.dimensions)
        let frames = sampleShape.frames
        batch = Batch(
            input: Tensor(shape) { pixels in
                for index in 0..<shape.count { pixels[index] = random.normal() }
            },
            // The first clip is full, the others at least half.
            lengths: frames > 1
                ? (0..<count).map { $0 == 0 ? frames : frames / 2 + random.integer(below: frames - frames / 2 + 1) }
                : nil,
            targets: (0..<count).map { _ in Int32(random.integer(below: 10)) }, indices: Array(0..<count))
    }

    private static func shape(for model: String) throws(ModelError) -> SampleShape {
        func check(_ shape: SampleShape) throws(ModelError) {
            _ = try ModelOutline(ModelConfiguration(name: model), sample: Shape(shape.dimensions), classes: 10)
        }
        do throws(ModelError) {
            try check(image)
            return image
        } catch {
            guard (try? check(clip)) != nil else { throw error }
            return clip
        }
    }

    func count(_ split: Split) -> Int { batch.count }

    func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
        throw DatasetError(problem: "random samples are made a batch at a time", remedy: "call next()")
    }

    /// The same batch each time.
    func next() -> Batch? { batch }
}
