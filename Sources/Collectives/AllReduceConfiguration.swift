import Configuration

/// The `allreduce` section of a configuration.
public struct AllReduceConfiguration: Codable, Sendable, Equatable, ValidatedSection {
    /// How gradients are written on the wire.
    public enum Compression: String, Codable, Sendable, CaseIterable {
        /// As 32-bit floats, bit for bit.
        case none
    }

    /// The plan of sends and sums; `auto` leaves the choice to the program.
    public var algorithm = AutomaticAllReduce.name
    /// How gradients are written on the wire.
    public var compression = Compression.none
    /// Megabytes (2²⁰ bytes) of gradients that are summed at a time.
    public var bucketMegabytes: Double = 4
    /// Seconds without any progress after which a worker gives up waiting for another.
    public var timeoutSeconds: Double = 60

    /// Whether workers of one host sum in memory that they share.
    public var sharedMemory = true

    enum CodingKeys: String, CodingKey {
        case algorithm, compression
        case bucketMegabytes = "bucket_mb"
        case timeoutSeconds = "timeout_s"
        case sharedMemory = "shared_memory"
    }

    /// The defaults.
    public init() {}

    /// The longest wait without progress.
    public var timeout: Duration { .seconds(timeoutSeconds) }
    /// Floats that are summed at a time.
    public var bucketElements: Int { Int(bucketMegabytes * 0x1p18) }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var found: [(key: String, problem: String)] = []
        if !AlgorithmCatalog.names.contains(algorithm) {
            found.append(("algorithm", "names an \(AlgorithmCatalog.unknown(algorithm))"))
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
