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
        /// As low-rank factors of matrices, with error feedback.
        case powerSGD = "power_sgd"
    }

    /// Whether sums begin while gradients are still computed.
    public enum Overlap: String, Codable, Sendable, CaseIterable {
        /// Where sums go over a network.
        case auto
        /// Also on one host.
        case always
        /// Never.
        case never
    }

    /// The plan of sends and sums; `auto` leaves the choice to the program.
    public var algorithm = AutomaticAllReduce.name
    /// How gradients are written on the wire.
    public var compression = Compression.none
    /// The share of the gradients that `top_k` keeps.
    public var density = 0.05
    /// The columns of `power_sgd`'s factors.
    public var rank = 2
    /// Megabytes (2²⁰ bytes) of gradients that are summed at a time.
    public var bucketMegabytes: Double = 4
    /// Kilobytes (2¹⁰ bytes) into which a bucket is cut on the network, so that sending and adding overlap.
    public var segmentKilobytes = 256
    /// Megabytes (2²⁰ bytes) that may be on their way to a worker that has not taken them in yet.
    public var windowMegabytes: Double = 64
    /// Connections from each worker to each other one, between which large messages are shared out.
    public var connections = 1
    /// Seconds without any progress after which a worker gives up waiting for another.
    public var timeoutSeconds: Double = 60
    /// Whether workers of one host sum in memory that they share.
    public var sharedMemory = true
    /// Whether sums begin while gradients are still computed.
    public var overlap = Overlap.auto

    enum CodingKeys: String, CodingKey {
        case algorithm, compression, density, rank, overlap, connections
        case bucketMegabytes = "bucket_mb"
        case segmentKilobytes = "segment_kb"
        case windowMegabytes = "window_mb"
        case timeoutSeconds = "timeout_s"
        case sharedMemory = "shared_memory"
    }

    /// The defaults.
    public init() {}

    /// Floats of a segment.
    public var segmentElements: Int { segmentKilobytes << 8 }
    /// Bytes that may be on their way to a worker.
    public var windowBytes: Int { Int(windowMegabytes * 0x1p20) }
    /// The longest wait without progress.
    public var timeout: Duration { .seconds(timeoutSeconds) }
    /// Whether what is left out of gradients is added to later ones, so that the course of a run depends on when members
    /// changed: what a worker kept is lost then.
    public var feedsErrorBack: Bool { compression == .powerSGD || gradientCompression?.feedsErrorBack == true }
    /// Floats that are summed at a time, a multiple of the blocks that are rounded together.
    public var bucketElements: Int {
        max(Int(bucketMegabytes * 0x1p18) / WireEncoding.block, 1) * WireEncoding.block
    }
    /// Whether the sums of `group` begin while gradients are still computed; the same on every rank.
    ///
    /// On one host they do not, unless asked for: there is next to nothing to hide, and no core to spare for it. Factors of
    /// gradients need all of a matrix.
    public func overlaps(_ group: AllReduceGroup) -> Bool {
        if compression == .powerSGD { return false }
        return switch overlap {
        case .auto: group.spansHosts
        case .always: group.shards.count > 1
        case .never: false
        }
    }

    /// What makes gradients smaller element by element; nil for nothing.
    public var gradientCompression: (any GradientCompression)? {
        switch compression {
        case .none: nil
        case .bf16: RoundingCompression(to: .bfloat16)
        case .fp16: RoundingCompression(to: .scaledFloat16)
        case .int8: RoundingCompression(to: .blockInt8)
        case .topK: TopKCompression(density: density)
        case .powerSGD: nil
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
        if !(1...64).contains(rank) { found.append(("rank", "must be between 1 and 64, found \(rank)")) }
        if !(0.01...1024).contains(bucketMegabytes) {
            found.append(("bucket_mb", "must be between 0.01 and 1024, found \(bucketMegabytes)"))
        }
        if !(1...65_536).contains(segmentKilobytes) {
            found.append(("segment_kb", "must be between 1 and 65536, found \(segmentKilobytes)"))
        }
        if !(0.01...1024).contains(windowMegabytes) {
            found.append(("window_mb", "must be between 0.01 and 1024, found \(windowMegabytes)"))
        }
        if !(1...16).contains(connections) {
            found.append(("connections", "must be between 1 and 16, found \(connections)"))
        }
        if !(1...86_400).contains(timeoutSeconds) {
            found.append(("timeout_s", "must be between 1 and 86400 seconds, found \(timeoutSeconds)"))
        }
        return found
    }
}
