import Autograd
import Cluster
import Collectives
import Datasets
import Foundation
import Hashing
import Logging
import Messaging
import Models
import Synchronization
import Tensors

/// The work of a worker process: builds a replica as configured and trains it with the others.
public final class TrainingWorker: WorkerDelegate, @unchecked Sendable {  // The work thread owns the variables.
    /// What a worker process brings along.
    public struct Settings: Sendable {
        /// The build of the program.
        public var build: String
        /// Compute threads; nil for what the configuration says.
        public var threads: Int?
        /// The value of `$CONVOY_DATA`.
        public var environmentPath: String?

        /// Gathers the settings.
        public init(build: String, threads: Int? = nil, environmentPath: String? = nil) {
            self.build = build
            self.threads = threads
            self.environmentPath = environmentPath
        }
    }

    private struct Wishes {
        var isStopping = false
        var cancelReason: String?
        var group: AllReduceGroup?
    }

    private let transport: any Transport
    private let settings: Settings
    private let log: @Sendable (Logger.Level, String) -> Void
    private let wishes = Mutex(Wishes())
    private var replica: Replica?
    private var mailbox: SegmentMailbox?

    /// A worker that exchanges gradients over `transport` and tells `log` what it does.
    public init(
        transport: any Transport, settings: Settings, log: @escaping @Sendable (Logger.Level, String) -> Void
    ) {
        self.transport = transport
        self.settings = settings
        self.log = log
    }

    /// Builds the replica.
    public func configure(run: String, yaml: String) throws -> Identity {
        let configuration = try RunConfiguration.parse(yaml, source: "the coordinator's configuration")
        let replica = try Replica(
            configuration, threads: settings.threads ?? configuration.cluster.threads,
            environmentPath: settings.environmentPath)
        self.replica = replica
        log(
            .info,
            "run \(run): \(replica.model.name) with \(replica.model.arena.trainableCount) parameters, "
                + "\(replica.dataset.name) with \(replica.dataset.count(.train)) samples to learn from and "
                + "\(replica.dataset.count(.test)) to judge by, \(replica.engine.kernelName) kernels, "
                + "BLAS core \(BLAS.coreName)")
        mailbox = SegmentMailbox(transport: transport, runID: Self.number(of: run)) { [log] dropped in
            log(.warning, "\(dropped)")
        }
        return try replica.identity(build: settings.build)
    }

    /// Trains to the end or a stop.
    public func train(_ assignment: Assignment, control: WorkerControl) throws -> FinalReport {
        guard let replica, let mailbox else {
            throw WorkerFailure("the coordinator started a run that it has not described")
        }
        for member in assignment.members where member.rank != assignment.rank {
            try transport.connect(to: member.id, at: member.dataAddress)
        }
        let configuration = replica.configuration
        let hosts = assignment.members.map { member in
            configuration.allreduce.sharedMemory && !member.memoryDomain.isEmpty
                ? member.memoryDomain : member.id.name
        }
        let group = AllReduceGroup(
            mailbox: mailbox, rank: assignment.rank, members: assignment.members.map(\.id),
            names: assignment.members.map(\.description), generation: UInt32(assignment.generation),
            algorithm: try AlgorithmCatalog.algorithm(named: configuration.allreduce.algorithm),
            shards: ShardTree(shards: configuration.shards).evenRanges(hosts: hosts), hosts: hosts,
            deadline: configuration.allreduce.timeout)
        try wishes.withLock { wishes in
            if let reason = wishes.cancelReason { throw WorkerFailure(reason, origin: .consequence) }
            wishes.group = group
        }
        log(.info, "\(assignment.members[assignment.rank]) trains in generation \(assignment.generation)")
        do {
            let loop = try TrainingLoop(replica, assignment, control: control, group: group) { [self] in
                wishes.withLock { $0.isStopping }
            }
            let report = try loop.run()
            log(.info, "trained to step \(report.steps), parameters \(report.parameterHash)")
            return report
        } catch let error as CollectiveError {
            throw WorkerFailure("\(error)", origin: .consequence)
        }
    }

    /// Makes the workers agree to stop after the next step.
    public func requestStop() { wishes.withLock { $0.isStopping = true } }

    /// Makes waits for other workers throw.
    public func cancel(reason: String) {
        let group = wishes.withLock { wishes in
            wishes.cancelReason = reason
            return wishes.group
        }
        group?.cancel(reason: reason)
    }

    /// The run's id as the number that marks its gradient messages.
    private static func number(of run: String) -> UInt64 {
        SHA256.hash(Data(run.utf8)).bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
