import Autograd
import Cluster
import Datasets
import Layers
import Models
import Tensors

/// Judges the network by the test split: cut into chunks of a fixed size, of which each worker takes a contiguous share.
///
/// - Determinism: a chunk's sums do not depend on the number of workers.
struct Evaluation {
    /// Samples of a chunk.
    static let chunkSize = 250

    let replica: Replica
    let loader: Loader

    /// The number of chunks of the whole split.
    var chunkCount: Int { (replica.dataset.count(.test) + Self.chunkSize - 1) / Self.chunkSize }

    /// The sums of this worker's chunks.
    func chunks(rank: Int, workers: Int) throws -> [EvaluationReport.Chunk] {
        let count = replica.dataset.count(.test)
        let order = EpochOrder(inStorageOrder: count)
        let range = rank * chunkCount / workers..<(rank + 1) * chunkCount / workers
        loader.enqueue(
            range.map { chunk in
                .evaluation(order.indices[chunk * Self.chunkSize..<min((chunk + 1) * Self.chunkSize, count)])
            })
        return try range.map { chunk in
            guard let batch = try loader.next() else { throw TrainingError.missingChunk(chunk) }
            let tape = Tape(engine: replica.engine, arena: replica.judged)
            let context = ForwardContext(tape: tape, mode: .evaluation, lengths: batch.lengths)
            let logits = replica.model.layers(tape.constant(batch.input), context)
            let result = replica.loss.evaluate(logits.value, batch.targets, replica.engine)
            return EvaluationReport.Chunk(
                index: chunk, count: batch.count, correct: result.correct, lossSum: Double(result.sum),
                lossWeight: Double(result.weight))
        }
    }
}
