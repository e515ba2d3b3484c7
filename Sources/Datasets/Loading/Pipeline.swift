/// A data set with what happens to its samples on the way to a network.
public struct Pipeline: Sendable {
    /// Where the samples come from.
    public let dataset: any Dataset
    /// The sizes of what a network sees; of clips the largest number of frames.
    public let sampleShape: SampleShape
    /// What happens to training samples.
    let training: [any Transform]
    /// What happens to samples of an evaluation.
    let evaluation: [any Transform]

    /// Checks that the transforms fit the samples and each other.
    ///
    /// - Parameters:
    ///   - augment: What is applied to samples of augmented requests, in this order.
    ///   - evaluation: What is applied to all others.
    /// - Throws: When a transform cannot take its samples, or both lists lead to different shapes.
    public init(
        _ dataset: any Dataset, augment: [TransformSetting] = [], evaluation: [TransformSetting] = []
    ) throws(DatasetError) {
        self.dataset = dataset
        training = augment.compactMap { $0.transform as? any Transform }
        self.evaluation = evaluation.compactMap { $0.transform as? any Transform }
        sampleShape = try Self.shape(of: dataset, after: augment, key: "data.augment")
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
