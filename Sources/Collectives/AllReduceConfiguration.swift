import Configuration

/// The `allreduce` section of a configuration.
public struct AllReduceConfiguration: Codable, Sendable, Equatable, ValidatedSection {
    /// What makes gradients smaller on the wire.
    public enum Compression: String, Codable, Sendable, CaseIterable {
        /// As 32-bit floats, bit for bit.
        case none
        /// As bfloat16.
        case bf16
        /// As half precision with a scale for each block.
        case fp16
        /// As 8-bit integers with a scale for each block.
        case int8
        /// The largest alone, with error feedback.
        case topK = "top_k"
    }

    /// The plan of sends and sums; `auto` leaves the choice to the program.
    public var algorithm = AutomaticAllReduce.name
    /// How gradients are written on the wire.
    public var compression = Compression.none
    /// The share of the gradients that `top_k` keeps.
    public var density = 0.05
    /// Megabytes (2²⁰ bytes) of gradients that are summed at a time.
    public var bucketMegabytes: Double = 4
    /// Seconds without any progress after which a worker gives up waiting for another.
    public var timeoutSeconds: Double = 60

    /// Whether workers of one host sum in memory that they share.
    public var sharedMemory = true

    enum CodingKeys: String, CodingKey {
        case algorithm, compression, density
        case bucketMegabytes = "bucket_mb"
        case timeoutSeconds = "timeout_s"
        case sharedMemory = "shared_memory"
    }

    /// The defaults.
    public init() {}

    /// The longest wait without progress.
    public var timeout: Duration { .seconds(timeoutSeconds) }
    /// Floats that are summed at a time, a multiple of the blocks that are rounded together.
    public var bucketElements: Int {
        max(Int(bucketMegabytes * 0x1p18) / WireEncoding.block, 1) * WireEncoding.block
    }
    /// What makes gradients smaller; nil for nothing.
    public var gradientCompression: (any GradientCompression)? {
        switch compression {
        case .none: nil
        case .bf16: RoundingCompression(to: .bfloat16)
        case .fp16: RoundingCompression(to: .scaledFloat16)
        case .int8: RoundingCompression(to: .blockInt8)
        case .topK: TopKCompression(density: density)
        }
    }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var found: [(key: String, problem: String)] = []
        if !AlgorithmCatalog.names.contains(algorithm) {
            found.append(("algorithm", "names an \(AlgorithmCatalog.unknown(algorithm))"))
        }
        if !(density > 0 && density <= 1) {
            found.append(("density", "must be above 0 and at most 1, found \(density)"))
        }
        if !(0.01...1024).contains(bucketMegabytes) {
            found.append(("bucket_mb", "must be between 0.01 and 1024, found \(bucketMegabytes)"))
        }
        if !(1...86_400).contains(timeoutSeconds) {
            found.append(("timeout_s", "must be between 1 and 86400 seconds, found \(timeoutSeconds)"))
        }
        return found
    }
}
