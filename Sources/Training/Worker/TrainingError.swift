/// Why training cannot go on.
enum TrainingError: Error, CustomStringConvertible {
    /// The loss is infinite or not a number.
    case notFinite(step: Int, epoch: Int)
    /// The loader ran out of batches.
    case missingBatch(step: Int, shard: Int)
    /// The loader ran out of chunks.
    case missingChunk(Int)

    var description: String {
        switch self {
        case .notFinite(let step, let epoch):
            "the loss of step \(step) (epoch \(epoch)) is not finite; lower optimizer.learning_rate, "
                + "lengthen schedule.warmup_epochs or set training.clip_norm"
        case .missingBatch(let step, let shard):
            "no batch was planned for shard \(shard) of step \(step); this is a fault of the program"
        case .missingChunk(let chunk):
            "no batch was planned for chunk \(chunk) of the test set; this is a fault of the program"
        }
    }
}
