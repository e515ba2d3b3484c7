/// Sums over the whole test set.
public struct EvaluationTotals: Codable, Sendable, Equatable {
    /// The epoch after which the evaluation was made, counted from 0.
    public let epoch: Int
    /// Evaluated samples.
    public let samples: Int
    /// How many were classified correctly.
    public let correct: Int
    /// The sum of their losses, and what it is divided by for the mean.
    public let lossSum, lossWeight: Double

    /// Sums over a test set.
    public init(epoch: Int, samples: Int, correct: Int, lossSum: Double, lossWeight: Double) {
        self.epoch = epoch
        self.samples = samples
        self.correct = correct
        self.lossSum = lossSum
        self.lossWeight = lossWeight
    }

    /// The share of correctly classified samples.
    public var accuracy: Double { samples == 0 ? 0 : Double(correct) / Double(samples) }
    /// The mean loss; 0 when no sample counts.
    public var meanLoss: Double { lossWeight > 0 ? lossSum / lossWeight : 0 }
}

/// Collects the chunks of one evaluation, each exactly once.
///
/// - Determinism: chunks are summed in the order of their indices, so the totals are the same bits however many workers
///   share them and in whatever order they arrive.
struct EvaluationTally: Sendable {
    let epoch: Int
    private var chunks: [EvaluationReport.Chunk?]
    private var missingCount: Int

    init(epoch: Int, chunkCount: Int) {
        self.epoch = epoch
        chunks = Array(repeating: nil, count: chunkCount)
        missingCount = chunkCount
    }

    /// Takes a worker's chunks.
    ///
    /// - Returns: Why they contradict what is there, or nil. A chunk that arrives again with the same sums is ignored.
    mutating func add(_ report: EvaluationReport) -> String? {
        guard report.chunkCount == chunks.count else {
            return "the evaluation of epoch \(epoch) has \(chunks.count) chunks, not \(report.chunkCount)"
        }
        for chunk in report.chunks {
            if let known = chunks[chunk.index] {
                if known != chunk {
                    return "chunk \(chunk.index) of epoch \(epoch) was evaluated twice with other results"
                }
            } else {
                chunks[chunk.index] = chunk
                missingCount -= 1
            }
        }
        return nil
    }

    /// The indices of the chunks that have arrived.
    var present: [Int] { chunks.indices.filter { chunks[$0] != nil } }

    /// The indices of the chunks that have not arrived.
    var missing: [Int] { chunks.indices.filter { chunks[$0] == nil } }

    /// The sums, once every chunk is there.
    var totals: EvaluationTotals? {
        guard missingCount == 0 else { return nil }
        var samples = 0
        var correct = 0
        var (lossSum, lossWeight) = (0.0, 0.0)
        for case let chunk? in chunks {
            samples += chunk.count
            correct += chunk.correct
            lossSum += chunk.lossSum
            lossWeight += chunk.lossWeight
        }
        return EvaluationTotals(
            epoch: epoch, samples: samples, correct: correct, lossSum: lossSum, lossWeight: lossWeight)
    }
}
