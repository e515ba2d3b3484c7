/// A data set with what happens to its samples on the way to a network.
public struct Pipeline: Sendable {
    /// Where the samples come from.
    public let dataset: any Dataset
    /// The sizes of what a network sees; of clips the largest number of frames.
    public let sampleShape: SampleShape
    /// What happens to training samples.
    let training: [any Transform]
    /// What happens to batches of them.
    let mixing: (any BatchTransform)?
    /// The statistics that bring pixels to mean 0 and variance 1.
    public let normalization: Normalization
    /// What happens to samples of an evaluation.
    let evaluation: [any Transform]

    /// Where a clip of a longer recording begins in training.
    let window: MediaConfiguration.Window
    /// What happens when a sample cannot be read.
    let onError: DataConfiguration.ErrorPolicy
    /// Whether clips of about the same length come together, and a batch is as long as its longest clip.
    public let isBucketed: Bool

    /// Checks that the transforms fit the samples and each other.
    ///
    /// - Parameters:
    ///   - augment: What is applied to samples of augmented requests, in this order.
    ///   - evaluation: What is applied to all others.
    ///   - window: Where a clip of a longer recording begins in augmented requests; in all others in the middle.
    ///   - onError: What happens when a sample cannot be read.
    ///   - isBucketed: Whether a batch is as long as its longest clip; otherwise as the data set's longest.
    ///   - normalization: Taken in place of the data set's own.
    /// - Throws: When a transform cannot take its samples, or both lists lead to different shapes.
    public init(
        _ dataset: any Dataset, augment: [TransformSetting] = [], evaluation: [TransformSetting] = [],
        window: MediaConfiguration.Window = .center, onError: DataConfiguration.ErrorPolicy = .stop,
        isBucketed: Bool = false,
        normalization: Normalization? = nil
    ) throws(DatasetError) {
        self.dataset = dataset
        self.window = window
        self.onError = onError
        self.isBucketed = isBucketed
        self.normalization = normalization ?? dataset.normalization
        training = augment.compactMap { $0.transform as? any Transform }
        let mixers = augment.compactMap { $0.transform as? any BatchTransform }
        mixing = mixers.first
        if mixers.count > 1 {
            let names = mixers.map { type(of: $0).name }.joined(separator: " and ")
            throw DatasetError(problem: "data.augment holds \(names), of which a batch takes one", remedy: "remove one")
        }
        self.evaluation = evaluation.compactMap { $0.transform as? any Transform }
        sampleShape = try Self.shape(of: dataset, after: augment, key: "data.augment")
        guard self.normalization.mean.count == sampleShape.channels else {
            throw DatasetError(
                problem:
                    "samples of \(sampleShape) do not fit a normalisation of \(self.normalization.mean.count) channels",
                remedy: "set data.normalize to a mean and a deviation for each channel")
        }
        let evaluated = try Self.shape(of: dataset, after: evaluation, key: "data.evaluation")
        guard evaluated == sampleShape else {
            throw DatasetError(
                problem: "data.augment makes samples of \(sampleShape) and data.evaluation of \(evaluated)",
                remedy: "both must end with the same sizes, for instance with random_crop and center_crop of one size")
        }
    }

    private static func shape(
        of dataset: any Dataset, after settings: [TransformSetting], key: String
    ) throws(DatasetError) -> SampleShape {
        var shape = dataset.sampleShape
        for setting in settings {
            do throws(DatasetError) {
                shape = try setting.transform.outputShape(for: shape)
            } catch {
                throw DatasetError(problem: "\(key): \(error.problem)", remedy: error.remedy)
            }
        }
        return shape
    }
}
