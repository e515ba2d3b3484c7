import Collectives

/// How long an all-reduce takes between worker processes.
///
/// Small sums are of private memory and result in private memory, as MPI's are; large ones are of blocks where they are,
/// which training uses for all sizes.
///
/// The process that starts it is the worker of rank 0. Sums are checked, element by element, before and after the time
/// is taken.
public struct AllReduceBenchmark: Sendable {
    /// The time of one size.
    public struct Row: Codable, Sendable {
        /// Worker processes, and bytes of float32 that each brings.
        public let workers, bytes: Int
        /// The median time at rank 0 in microseconds.
        public let microseconds: Double
        /// Bytes by time, and the same times 2·(n − 1)/n, what a ring would move over each link; in 10⁹ bytes a second.
        public let algorithmBandwidth, busBandwidth: Double

        enum CodingKeys: String, CodingKey {
            case workers, bytes
            case microseconds = "us"
            case algorithmBandwidth = "algbw_GBps"
            case busBandwidth = "busbw_GBps"
        }

        init(workers: Int, bytes: Int, seconds: Double) {
            self.workers = workers
            self.bytes = bytes
            microseconds = seconds * 1e6
            algorithmBandwidth = Double(bytes) / seconds / 1e9
            busBandwidth = algorithmBandwidth * 2 * Double(workers - 1) / Double(workers)
        }
    }

    /// How to sum.
    public let configuration: AllReduceConfiguration
    /// The sizes in bytes.
    public let sizes: [Int]

    /// Describes a measurement.
    public init(_ configuration: AllReduceConfiguration, sizes: [Int]) {
        self.configuration = configuration
        self.sizes = sizes
    }

    /// Measures as rank 0 beside `workers` − 1 processes on this host that `arguments` starts.
    ///
    /// - Parameters:
    ///   - arguments: The command line of a worker, from its rank and the addresses of all.
    ///   - report: Called with each size's time.
    /// - Throws: An error that names the worker that fails, or the element that is wrong.
    public func run(
        workers: Int, arguments: (_ rank: Int, _ addresses: [String]) -> [String], report: (Row) -> Void
    ) throws {
        let group = try BenchmarkGroup(
            configuration, rank: 0, addresses: BenchmarkGroup.localAddresses(workers))
        try group.withWorkers(arguments: arguments) {
            try AllReduceBenchmarkWorker(self, group, rank: 0, workers: workers).run(report)
        }
    }

    /// Measures as one of the workers, which listens at its own of the `addresses`; rank 0 reports.
    ///
    /// - Throws: An error that names the worker that fails, or the element that is wrong.
    public func runWorker(rank: Int, addresses: [String], report: (Row) -> Void) throws {
        let group = try BenchmarkGroup(configuration, rank: rank, addresses: addresses)
        try AllReduceBenchmarkWorker(self, group, rank: rank, workers: addresses.count).run(report)
    }
}

/// Why a measurement does not count.
struct WrongSum: Error, CustomStringConvertible {
    let bytes, element: Int
    let found, expected: Float

    var description: String {
        "the sum of \(bytes) bytes is wrong at element \(element): \(found), not \(expected); this is a fault of the program"
    }
}
