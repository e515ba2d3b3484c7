import Cluster
import Collectives
import Configuration
import Datasets
import Layers
import Models
import Optimizers
import Tensors

/// Everything that determines a run; written complete into its directory, it repeats the run.
public struct RunConfiguration: Codable, Sendable, Equatable, ValidatedSection {
    /// The run's name, place and seed.
    public var run = RunSection()
    /// What it learns from.
    public var data = DataConfiguration()
    /// The network.
    public var model = ModelConfiguration()
    /// What training makes small.
    public var loss = LossConfiguration()
    /// How parameters move.
    public var optimizer = OptimizerConfiguration()
    /// How the learning rate changes.
    public var schedule = ScheduleConfiguration()
    /// How long and in what portions.
    public var training = TrainingSection()
    /// Who takes part.
    public var cluster = ClusterConfiguration()
    /// How gradients are averaged.
    public var allreduce = AllReduceConfiguration()
    /// How numbers are computed.
    public var engine = EngineSection()

    /// The defaults.
    public init() {}

    /// Reads a file, then the command line's `key=value`s, and fills in what follows from other keys.
    ///
    /// - Throws: `ConfigurationError` for the first fault.
    public static func read(path: String, overrides: [String]) throws(ConfigurationError) -> RunConfiguration {
        try ConfigurationReader.readFile(RunConfiguration(), path: path, overrides: overrides).resolved
    }

    /// The defaults with the command line's `key=value`s.
    ///
    /// - Throws: `ConfigurationError` for the first fault.
    public static func defaults(overrides: [String]) throws(ConfigurationError) -> RunConfiguration {
        try ConfigurationReader.read(RunConfiguration(), yaml: "", file: "the defaults", overrides: overrides).resolved
    }

    /// Reads what another process wrote with `yaml`; `source` names it in errors.
    ///
    /// - Throws: `ConfigurationError` for the first fault.
    public static func parse(_ yaml: String, source: String) throws(ConfigurationError) -> RunConfiguration {
        try ConfigurationReader.read(RunConfiguration(), yaml: yaml, file: source).resolved
    }

    /// The complete configuration as text.
    ///
    /// - Throws: `ConfigurationError` for a number that YAML cannot hold.
    public func yaml() throws(ConfigurationError) -> String { try ConfigurationWriter.write(self) }

    /// With what follows from other keys filled in: as many canonical shards as workers, the data set's own transforms.
    public var resolved: RunConfiguration {
        var copy = self
        copy.training.shards.value = shards
        copy.data.augment.value = data.augmentation
        return copy
    }

    /// The number of canonical shards of a batch.
    public var shards: Int { training.shards.value ?? cluster.workers }

    /// Values of different sections that do not fit together.
    public func problems() -> [(key: String, problem: String)] {
        if shards < cluster.workers {
            let text =
                "must be at least cluster.workers (\(cluster.workers)), found \(shards): "
                + "a worker without a shard would have nothing to do"
            return [("training.shards", text)]
        }
        if shards > training.batch {
            return [("training.batch", "must be at least the number of shards (\(shards)), found \(training.batch)")]
        }
        return []
    }
}

/// The `run` section.
public struct RunSection: Codable, Sendable, Equatable, ValidatedSection {
    /// Begins the name of the run's directory.
    public var name = "run"
    /// Where directories of runs lie.
    public var directory = "runs"
    /// The seed of everything random.
    public var seed: UInt64 = 1

    /// The defaults.
    public init() {}

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        let isPlain =
            !name.isEmpty && !name.hasPrefix(".") && name.count <= 100
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        return isPlain ? [] : [("name", "must be made of letters, digits, '-', '_' and '.', found '\(name)'")]
    }
}

/// The `training` section.
public struct TrainingSection: Codable, Sendable, Equatable, ValidatedSection {
    /// Passes over the training set.
    public var epochs = 5
    /// Samples of a step over all workers.
    public var batch = 128
    /// Parts of a batch that are computed on their own and summed in a fixed order; null: the number of workers.
    public var shards: Nullable<Int> = nil
    /// Passes in which a shard is computed one after the other, to save memory.
    public var accumulate = 1
    /// Bound of the gradient's global norm; null: none.
    public var clipNorm: Nullable<Double> = nil
    /// Bound of each element of the gradient, after that of the norm; null: none.
    public var clipValue: Nullable<Double> = nil
    /// What a moving average of the weights keeps in each step; null: no average.
    public var emaDecay: Nullable<Double> = nil
    /// Steps between checkpoints; the last step makes one in any case.
    public var checkpointEverySteps = 500
    /// Checkpoints that are kept.
    public var keepCheckpoints = 3
    /// Steps between two comparisons of the workers' parameters.
    public var verifyEverySteps = 50
    /// What happens when a gradient is infinite or not a number.
    public var nonFinite = NonFinitePolicy.stop

    enum CodingKeys: String, CodingKey {
        case epochs, batch, shards, accumulate
        case clipNorm = "clip_norm"
        case clipValue = "clip_value"
        case emaDecay = "ema_decay"
        case checkpointEverySteps = "checkpoint_every_steps"
        case keepCheckpoints = "keep_checkpoints"
        case verifyEverySteps = "verify_every_steps"
        case nonFinite = "non_finite"
    }

    /// What happens when a gradient is infinite or not a number.
    public enum NonFinitePolicy: String, Codable, Sendable, CaseIterable {
        /// The run fails and names the layer, the worker and the samples.
        case stop
        /// The step changes nothing, and its samples count as skipped.
        case skip
    }

    /// The defaults.
    public init() {}

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var found: [(key: String, problem: String)] = []
        for (key, value) in [
            ("epochs", epochs), ("batch", batch), ("accumulate", accumulate),
            ("checkpoint_every_steps", checkpointEverySteps), ("keep_checkpoints", keepCheckpoints),
            ("verify_every_steps", verifyEverySteps),
        ] where value < 1 {
            found.append((key, "must be at least 1, found \(value)"))
        }
        if let shards = shards.value, !(1...batch).contains(shards) {
            found.append(("shards", "must be between 1 and training.batch (\(batch)), found \(shards)"))
        }
        for (key, bound) in [("clip_norm", clipNorm.value), ("clip_value", clipValue.value)] {
            if let bound, !(bound > 0) { found.append((key, "must be positive, found \(bound)")) }
        }
        if let decay = emaDecay.value, !(0..<1).contains(decay) {
            found.append(("ema_decay", "must be in [0, 1), found \(decay)"))
        }
        return found
    }
}

/// The `engine` section.
public struct EngineSection: Codable, Sendable, Equatable {
    /// Which kernels compute.
    public enum Kernels: String, Codable, Sendable, CaseIterable {
        /// The widest that the CPU can run.
        case auto
        /// AVX-512.
        case avx512
        /// AVX2.
        case avx2
        /// What every CPU can run.
        case baseline

        /// The instruction set on this host.
        var instructionSet: InstructionSet { InstructionSet(rawValue: rawValue) ?? .best }
    }

    /// How convolutions are computed.
    public var convolution = ConvolutionPreference.auto
    /// Which kernels compute.
    public var kernels = Kernels.auto

    /// The defaults.
    public init() {}
}
