/// Why training cannot go on.
enum TrainingError: Error, CustomStringConvertible {
    /// The loader ran out of batches.
    case missingBatch(step: Int, shard: Int)
    /// The loader ran out of chunks.
    case missingChunk(Int)

    var description: String {
        switch self {
        case .missingBatch(let step, let shard):
            "no batch was planned for shard \(shard) of step \(step); this is a fault of the program"
        case .missingChunk(let chunk):
            "no batch was planned for chunk \(chunk) of the test set; this is a fault of the program"
        }
    }
}
