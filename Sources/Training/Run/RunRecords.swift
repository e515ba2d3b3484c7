import Cluster

/// What `environment.json` holds: where and with what a run was made.
package struct EnvironmentRecord: Codable {
    struct Worker: Codable {
        let rank: Int
        let id: String
        let host: String
        let pid: Int32
        let threads: Int
        let kernels: String
        let blasCore: String

        init(rank: Int, id: String, _ hello: Hello, threads: Int, kernels: String) {
            self.rank = rank
            self.id = id
            host = hello.host
            pid = hello.pid
            self.threads = threads
            self.kernels = kernels
            blasCore = hello.blasCore
        }
    }

    let run: String
    let version: String
    let build: String
    let startedAt: String
    let host: String
    let operatingSystem: String
    let cpu: String
    let cores: Int
    let memoryMB: Double
    let openblasCore: String
    let zeromqVersion: String
    let command: [String]
    var workers: [Worker]

    package init(
        run: String, version: String, build: String, startedAt: String, host: String, operatingSystem: String,
        cpu: String, cores: Int, memoryMB: Double, openblasCore: String, zeromqVersion: String, command: [String]
    ) {
        self.run = run
        self.version = version
        self.build = build
        self.startedAt = startedAt
        self.host = host
        self.operatingSystem = operatingSystem
        self.cpu = cpu
        self.cores = cores
        self.memoryMB = memoryMB
        self.openblasCore = openblasCore
        self.zeromqVersion = zeromqVersion
        self.command = command
        workers = []
    }
}

/// One line of `metrics.jsonl` for an applied step.
package struct StepRecord: Codable {
    var kind = "step"
    let epoch: Int
    let step: Int
    let samples: Int
    let loss: Double
    let accuracy: Double
    let learningRate: Double
    let seconds: Double
    let computeSeconds: Double
    let communicationSeconds: Double
    let hiddenSeconds: Double
    let dataSeconds: Double

    // Spelled out: an encoder that turns the names costs as much as the rest of a line.
    enum CodingKeys: String, CodingKey {
        case kind, epoch, step, samples, loss, accuracy, seconds
        case learningRate = "learning_rate"
        case computeSeconds = "compute_seconds"
        case communicationSeconds = "communication_seconds"
        case hiddenSeconds = "hidden_seconds"
        case dataSeconds = "data_seconds"
    }

    init(_ report: StepReport) {
        epoch = report.epoch
        step = report.step
        samples = report.samples
        loss = report.meanLoss
        accuracy = Double(report.correct) / Double(max(report.samples, 1))
        learningRate = report.learningRate
        seconds = report.seconds
        computeSeconds = report.computeSeconds
        communicationSeconds = report.communicationSeconds
        hiddenSeconds = report.hiddenSeconds
        dataSeconds = report.dataSeconds
    }
}

/// One line of `metrics.jsonl` for an epoch, once its evaluation is complete.
package struct EpochRecord: Codable, Equatable {
    var kind = "epoch"
    let epoch: Int
    let steps: Int
    let samples: Int
    let trainLoss: Double
    let trainAccuracy: Double
    let testLoss: Double
    let testAccuracy: Double
    let testSamples: Int
    let seconds: Double
    let samplesPerSecond: Double

    enum CodingKeys: String, CodingKey {
        case kind, epoch, steps, samples, seconds
        case trainLoss = "train_loss"
        case trainAccuracy = "train_accuracy"
        case testLoss = "test_loss"
        case testAccuracy = "test_accuracy"
        case testSamples = "test_samples"
        case samplesPerSecond = "samples_per_second"
    }
}

/// What `result.json` holds.
public struct RunResult: Codable, Sendable, Equatable {
    /// How a run ended.
    public enum Status: String, Codable, Sendable {
        /// Everything that was configured is done.
        case completed
        /// Somebody stopped it.
        case interrupted
        /// It could not go on.
        case failed
    }

    /// How the run ended.
    public var status: Status
    /// Complete epochs.
    public var epochs: Int
    /// Applied steps.
    public var steps: Int
    /// Samples in those steps.
    public var samples: Int
    /// The mean loss over the last epoch's training samples; nil before the first step.
    public var trainLoss: Double?
    /// The share of the test split that the last evaluation found correct; nil before the first one.
    public var testAccuracy: Double?
    /// The mean loss of the last evaluation.
    public var testLoss: Double?
    /// SHA-256 over parameters and buffers in name order; nil when the workers did not end together.
    public var parameterHash: String?
    /// Seconds from the start of the coordinator to the end.
    public var wallSeconds: Double
    /// Workers of the last generation.
    public var workers: Int
    /// Member lists that the run has had.
    public var generations: Int
    /// Committed steps whose update is missing from the parameters, samples applied twice, and samples never applied in a
    /// complete epoch.
    public var lostSteps, repeatedSamples, skippedSamples: Int
    /// Why the run failed.
    public var error: String?

    enum CodingKeys: String, CodingKey {
        case status, epochs, steps, samples, workers, generations, error
        case trainLoss = "train_loss"
        case testAccuracy = "test_accuracy"
        case testLoss = "test_loss"
        case parameterHash = "parameter_hash"
        case wallSeconds = "wall_s"
        case lostSteps = "lost_steps"
        case repeatedSamples = "repeated_samples"
        case skippedSamples = "skipped_samples"
    }
}
