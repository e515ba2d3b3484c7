import Configuration

/// The section `data` of a configuration: which samples a run learns from and how they are read.
public struct DataConfiguration: Codable, Sendable, Equatable, ValidatedSection {
    /// How samples reach a worker.
    public enum Delivery: String, Codable, Sendable, CaseIterable {
        /// Every worker reads the data set on its own host; what it cannot read comes from the coordinator.
        case local
        /// The coordinator reads the data set and sends the workers their samples ahead of use.
        case stream
    }

    /// What happens when a sample cannot be read.
    public enum ErrorPolicy: String, Codable, Sendable, CaseIterable {
        /// The run ends with an error that names the file.
        case stop
        /// The sample is left out of its batch, and the log names the file.
        case skip
    }

    /// The data set's name in ``DatasetCatalog``.
    public var name = "shapes"
    /// The folder that holds the data set's own folder; without it `$CONVOY_DATA`, then `data`.
    public var path: Nullable<String> = nil
    /// The number of samples at the start of the training split to learn from; without it all.
    ///
    /// The test split stays whole, so that accuracies compare.
    public var limit: Nullable<Int> = nil
    /// How samples reach a worker.
    public var delivery = Delivery.local
    /// The transforms of training samples, applied in this order; without a list those that suit the data set.
    public var augment: Nullable<[TransformSetting]> = nil
    /// The transforms of samples that a network is judged by, applied in this order.
    public var evaluation: [TransformSetting] = []
    /// The mean and deviation of each channel that pixels are brought to 0 and 1 with; without it the data set's own.
    public var normalize: Nullable<NormalizationSetting> = nil
    /// Whether clips of about the same length come together in a batch, which is as long as its longest clip.
    public var bucketByLength = false
    /// What happens when a sample cannot be read.
    public var onError = ErrorPolicy.stop
    /// How pictures and videos from folders become samples.
    public var media = MediaConfiguration()
    /// The number of threads of a worker that read, decode and augment.
    public var loaderThreads = 1

    /// The defaults.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case name, path, limit, delivery, augment, evaluation, normalize, media
        case bucketByLength = "bucket_by_length"
        case onError = "on_error"
        case loaderThreads = "loader_threads"
    }

    /// What is wrong with the values, by key; empty when they can be used.
    public func problems() -> [(key: String, problem: String)] {
        var problems: [(key: String, problem: String)] = []
        if let problem = DatasetCatalog.problem(withName: name) { problems.append(("name", "names an \(problem)")) }
        if path.value?.isEmpty == true {
            problems.append(("path", "names no folder, it is empty; write null or a folder"))
        }
        if let limit = limit.value, limit < 1 {
            problems.append(("limit", "must be null or at least 1, found \(limit)"))
        }
        for (index, setting) in evaluation.enumerated() where type(of: setting.transform).isRandom {
            problems.append(
                (
                    "evaluation[\(index)]",
                    "is \(type(of: setting.transform).name), which is random; an evaluation takes "
                        + TransformCatalog.entries.filter { !$0.isRandom }.map { $0.name }.joined(separator: ", ")
                ))
        }
        if !(1...64).contains(loaderThreads) {
            problems.append(("loader_threads", "must be between 1 and 64, found \(loaderThreads)"))
        }
        return problems
    }

    /// The transforms of training samples: `augment`, else those that suit the data set.
    public var augmentation: [TransformSetting] {
        augment.value ?? DatasetCatalog.entries.first { $0.name == name }?.augment ?? []
    }

    /// The folder in which data sets are looked for: `path`, else `environmentPath`, else `data`.
    ///
    /// - Parameter environmentPath: The value of `$CONVOY_DATA`, which the caller reads.
    public func folder(environmentPath: String?) -> String {
        if let path = path.value { return path }
        if let environmentPath, !environmentPath.isEmpty { return environmentPath }
        return "data"
    }
}

/// A normalisation as a configuration writes it: of pixels between 0 and 1, a number for each channel.
public struct NormalizationSetting: Codable, Sendable, Equatable, ValidatedSection {
    /// The mean of each channel.
    public var mean: [Float]
    /// The standard deviation of each channel.
    public var deviation: [Float]

    /// Makes a setting.
    public init(mean: [Float], deviation: [Float]) {
        self.mean = mean
        self.deviation = deviation
    }

    /// What is wrong with the values, by key.
    public func problems() -> [(key: String, problem: String)] {
        if mean.isEmpty || mean.count != deviation.count {
            return [("deviation", "must have as many numbers as mean, \(mean.count), found \(deviation.count)")]
        }
        guard deviation.allSatisfy({ $0 > 0 && $0.isFinite }), mean.allSatisfy(\.isFinite) else {
            return [("deviation", "must be above 0, found \(deviation)")]
        }
        return []
    }

    /// The normalisation.
    var value: Normalization { Normalization(mean: mean, deviation: deviation) }
}
