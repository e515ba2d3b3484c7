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
    /// Values of a chunk's samples, about: as many as 250 images of CIFAR-10 have, so that clips do not fill the memory.
    private static let chunkValues = 250 * 3072

    let replica: Replica
    let loader: Loader

    /// Samples of a chunk.
    private var chunkSize: Int { min(250, max(1, Self.chunkValues / replica.pipeline.sampleShape.count)) }

    /// The number of chunks of the whole split.
    var chunkCount: Int { (replica.dataset.count(.test) + chunkSize - 1) / chunkSize }

    /// The sums of this worker's share of the chunks that are not `done`, and whether that is all of it.
    ///
    /// - Parameter isStopped: Asked with the number of chunks so far before each of them; once it is true the rest is
    ///   left out.
    func chunks(
        rank: Int, workers: Int, done: Set<Int>, isStopped: (_ chunks: Int) -> Bool
    ) throws -> (chunks: [EvaluationReport.Chunk], isComplete: Bool) {
        let count = replica.dataset.count(.test)
        let dataset = replica.dataset
        let order =
            replica.pipeline.isBucketed
            ? EpochOrder(sortedBy: (0..<count).map { dataset.frames($0, of: .test) })
            : EpochOrder(inStorageOrder: count)
        let missing = (0..<chunkCount).filter { !done.contains($0) }
        let share = missing[rank * missing.count / workers..<(rank + 1) * missing.count / workers]
        loader.enqueue(
            share.map { chunk in
                .evaluation(order.indices[chunk * chunkSize..<min((chunk + 1) * chunkSize, count)])
            })
        var chunks: [EvaluationReport.Chunk] = []
        for chunk in share {
            if isStopped(chunks.count) { return (chunks, false) }
            guard let batch = try loader.next() else { throw TrainingError.missingChunk(chunk) }
            if batch.count == 0 {
                chunks.append(EvaluationReport.Chunk(index: chunk, count: 0, correct: 0, lossSum: 0, lossWeight: 0))
                continue
            }
            let tape = Tape(engine: replica.engine, arena: replica.judged)
            let context = ForwardContext(tape: tape, mode: .evaluation, lengths: batch.lengths)
            let logits = replica.model.layers(tape.constant(batch.input), context)
            let result = replica.loss.evaluate(logits.value, batch.targets, replica.engine)
            chunks.append(
                EvaluationReport.Chunk(
                    index: chunk, count: batch.count, correct: result.correct, lossSum: Double(result.sum),
                    lossWeight: Double(result.weight)))
        }
        return (chunks, true)
    }
}
