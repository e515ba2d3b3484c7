import Logging

/// One applied step, over all workers.
public struct StepReport: Sendable, Equatable {
    /// The epoch, counted from 0.
    public var epoch: Int
    /// The step, counted from 0.
    public var step: Int
    /// The steps of an epoch and of the whole run.
    public var stepsPerEpoch, totalSteps: Int
    /// Samples in the global batch.
    public var samples: Int
    /// The sum of the samples' losses, and what it is divided by for the mean.
    public var lossSum, lossWeight: Double
    /// How many samples were classified correctly.
    public var correct: Int
    /// The learning rate that was applied.
    public var learningRate: Double
    /// Seconds of the whole step.
    public var seconds: Double
    /// Seconds spent computing gradients and the update.
    public var computeSeconds: Double
    /// Seconds spent waiting for gradients of others.
    public var communicationSeconds: Double
    /// Seconds of sums over the workers that passed while gradients were computed.
    public var hiddenSeconds: Double
    /// Seconds spent waiting for samples.
    public var dataSeconds: Double

    /// Reports a step.
    public init(
        epoch: Int, step: Int, stepsPerEpoch: Int, totalSteps: Int, samples: Int, lossSum: Double, lossWeight: Double,
        correct: Int,
        learningRate: Double, seconds: Double, computeSeconds: Double, communicationSeconds: Double,
        hiddenSeconds: Double = 0, dataSeconds: Double
    ) {
        self.epoch = epoch
        self.step = step
        self.stepsPerEpoch = stepsPerEpoch
        self.totalSteps = totalSteps
        self.samples = samples
        self.lossSum = lossSum
        self.lossWeight = lossWeight
        self.correct = correct
        self.learningRate = learningRate
        self.seconds = seconds
        self.computeSeconds = computeSeconds
        self.communicationSeconds = communicationSeconds
        self.hiddenSeconds = hiddenSeconds
        self.dataSeconds = dataSeconds
    }

    /// The mean loss; 0 when no sample counts.
    public var meanLoss: Double { lossWeight > 0 ? lossSum / lossWeight : 0 }

    var problem: String? {
        if epoch < 0 || step < 0 || stepsPerEpoch < 1 || totalSteps <= step {
            return "epoch \(epoch), step \(step) of \(totalSteps), \(stepsPerEpoch) an epoch"
        }
        return countsProblem(samples: samples, correct: correct, lossWeight: lossWeight)
    }
}

/// The values alone, in order: with short steps, names in each of them would be most of what is sent and written down.
extension StepReport: Codable {
    /// Reads the values.
    ///
    /// - Throws: `DecodingError`.
    public init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        epoch = try values.decode(Int.self)
        step = try values.decode(Int.self)
        stepsPerEpoch = try values.decode(Int.self)
        totalSteps = try values.decode(Int.self)
        samples = try values.decode(Int.self)
        lossSum = try values.decode(Double.self)
        lossWeight = try values.decode(Double.self)
        correct = try values.decode(Int.self)
        learningRate = try values.decode(Double.self)
        seconds = try values.decode(Double.self)
        computeSeconds = try values.decode(Double.self)
        communicationSeconds = try values.decode(Double.self)
        hiddenSeconds = try values.decode(Double.self)
        dataSeconds = try values.decode(Double.self)
    }

    /// Writes the values.
    ///
    /// - Throws: `EncodingError`.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        for value in [epoch, step, stepsPerEpoch, totalSteps, samples] { try values.encode(value) }
        for value in [lossSum, lossWeight] { try values.encode(value) }
        try values.encode(correct)
        for value in [learningRate, seconds, computeSeconds, communicationSeconds, hiddenSeconds, dataSeconds] {
            try values.encode(value)
        }
    }
}

/// A worker's share of an evaluation; it may be sent in several messages.
public struct EvaluationReport: Codable, Sendable, Equatable {
    /// Sums over one chunk of the test set.
    public struct Chunk: Codable, Sendable, Equatable {
        /// The chunk's place in the test set.
        public var index: Int
        /// Its samples.
        public var count: Int
        /// How many were classified correctly.
        public var correct: Int
        /// The sum of their losses, and what it is divided by for the mean.
        public var lossSum, lossWeight: Double

        /// Sums over chunk `index`.
        public init(index: Int, count: Int, correct: Int, lossSum: Double, lossWeight: Double) {
            self.index = index
            self.count = count
            self.correct = correct
            self.lossSum = lossSum
            self.lossWeight = lossWeight
        }
    }

    /// The epoch after which the evaluation was made, counted from 0.
    public var epoch: Int
    /// How many chunks the whole test set has; the same however many workers share them.
    public var chunkCount: Int
    /// The chunks that this worker evaluated.
    public var chunks: [Chunk]

    /// Reports chunks.
    public init(epoch: Int, chunkCount: Int, chunks: [Chunk]) {
        self.epoch = epoch
        self.chunkCount = chunkCount
        self.chunks = chunks
    }

    var problem: String? {
        if epoch < 0 { return "epoch is \(epoch)" }
        if !(1...1 << 20).contains(chunkCount) { return "an evaluation of \(chunkCount) chunks" }
        return chunks.lazy.compactMap { chunk in
            (0..<chunkCount).contains(chunk.index)
                ? countsProblem(samples: chunk.count, correct: chunk.correct, lossWeight: chunk.lossWeight)
                : "chunk \(chunk.index) of \(chunkCount)"
        }.first
    }
}

/// Some bytes of one file of a checkpoint; parts of a file are sent in order.
public struct CheckpointPart: Codable, Sendable, Equatable {
    /// The file's name, without a folder.
    public var file: String
    /// The number of steps that the checkpoint holds.
    public var step: Int
    /// Where in the file the bytes belong.
    public var offset: Int
    /// The length of the whole file in bytes.
    public var totalBytes: Int
    /// Whether the checkpoint begins with this part.
    public var isFirst: Bool
    /// Whether the checkpoint is complete with this part.
    public var isLast: Bool

    /// Names a part.
    public init(file: String, step: Int, offset: Int, totalBytes: Int, isFirst: Bool = false, isLast: Bool) {
        self.file = file
        self.step = step
        self.offset = offset
        self.totalBytes = totalBytes
        self.isFirst = isFirst
        self.isLast = isLast
    }

    private static let plainCharacters = Set("abcdefghijklmnopqrstuvwxyz0123456789._-".utf8)

    func problem(payloadBytes: Int) -> String? {
        if step < 0 { return "step is \(step)" }
        // The name becomes a path on the coordinator's host, so nothing that leads out of a folder passes.
        let isPlain = file.utf8.allSatisfy(Self.plainCharacters.contains)
        if !isPlain || file.isEmpty || file.hasPrefix(".") || file.utf8.count > 100 {
            return "the file's name is unusable"
        }
        if !(0...1 << 48).contains(totalBytes) || offset < 0 || offset > totalBytes - payloadBytes {
            return "\(payloadBytes) bytes at \(offset) do not lie in a file of \(totalBytes)"
        }
        return nil
    }
}

/// What a worker knows at the end of its part of the run.
public struct FinalReport: Codable, Sendable, Equatable {
    /// Whether everything that was configured is done; false when the run was stopped before.
    public var isComplete: Bool
    /// Applied steps.
    public var steps: Int
    /// Samples in those steps, over all workers.
    public var samples: Int
    /// Samples of complete epochs that were never applied, and applications beyond the first.
    public var skippedSamples, repeatedSamples: Int
    /// The hash of parameters and buffers.
    public var parameterHash: String
    /// The largest resident memory of the process in MB.
    public var peakMemoryMB: Double

    /// Reports the end.
    public init(
        isComplete: Bool, steps: Int, samples: Int, skippedSamples: Int, repeatedSamples: Int, parameterHash: String,
        peakMemoryMB: Double
    ) {
        self.isComplete = isComplete
        self.steps = steps
        self.samples = samples
        self.skippedSamples = skippedSamples
        self.repeatedSamples = repeatedSamples
        self.parameterHash = parameterHash
        self.peakMemoryMB = peakMemoryMB
    }

    var problem: String? {
        steps < 0 || samples < 0 ? "\(steps) steps, \(samples) samples" : textProblem(parameterHash)
    }
}

/// Why a worker cannot go on.
public struct WorkerFailure: Error, Codable, Sendable, Equatable, CustomStringConvertible {
    /// Where the trouble comes from.
    public enum Origin: String, Codable, Sendable, CaseIterable {
        /// The worker itself.
        case own
        /// Something that happened elsewhere, such as a lost peer or an abort.
        case consequence
        /// Somebody interrupted the worker.
        case interrupt
        /// The run itself, on whatever worker: going on without this one would not help.
        case run
    }

    /// What failed, in one sentence.
    public var reason: String
    /// Where the trouble comes from.
    public var origin: Origin

    /// A failure for `reason`.
    public init(_ reason: String, origin: Origin = .own) {
        self.reason = reason
        self.origin = origin
    }

    /// What failed.
    public var description: String { reason }
}

/// A line for the run's log.
public struct LogLine: Codable, Sendable, Equatable {
    /// How much it matters.
    public var level: Logger.Level
    /// The line.
    public var line: String

    /// A line at `level`.
    public init(_ level: Logger.Level, _ line: String) {
        self.level = level
        self.line = line
    }
}

/// Why a count of samples cannot be true, or nil; the bound keeps sums far from overflow.
private func countsProblem(samples: Int, correct: Int, lossWeight: Double) -> String? {
    guard (0...1 << 40).contains(samples), (0...samples).contains(correct) else {
        return "\(correct) of \(samples) samples are correct"
    }
    return lossWeight >= 0 && lossWeight.isFinite ? nil : "the weight of the loss is \(lossWeight)"
}
