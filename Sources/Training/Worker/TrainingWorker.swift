import Autograd
import Cluster
import Collectives
import Datasets
import Foundation
import Hashing
import Logging
import Messaging
import Models
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
        /// Faults that are asked for.
        package var failpoints = Failpoints()

        /// Gathers the settings.
        public init(build: String, threads: Int? = nil, environmentPath: String? = nil) {
            self.build = build
            self.threads = threads
            self.environmentPath = environmentPath
        }
    }

    /// What a run needs, built once.
    private struct Equipment {
        let run: String
        let offer: RunOffer
        let replica: Replica
        /// That of the replica before its first step.
        let identity: Identity
        let mailbox: SegmentMailbox
        let transfer: StateTransfer
    }

    private let transport: any Transport
    private let stateTransport: any Transport
    private let settings: Settings
    private let log: @Sendable (Logger.Level, String) -> Void
    private let orders = TrainingOrders()
    private var equipment: Equipment?
    private var loop: TrainingLoop?

    /// A worker that exchanges gradients over `transport` and states of replicas over `stateTransport`, and tells `log`
    /// what it does.
    public init(
        transport: any Transport, stateTransport: any Transport, settings: Settings,
        log: @escaping @Sendable (Logger.Level, String) -> Void
    ) {
        self.transport = transport
        self.stateTransport = stateTransport
        self.settings = settings
        self.log = log
    }

    /// Builds the replica, unless it is there from an earlier membership in the same run.
    public func configure(run: String, offer: RunOffer) throws -> Readiness {
        if let equipment, equipment.run == run, equipment.offer.yaml == offer.yaml,
            equipment.offer.samples == offer.samples
        {
            let replica = equipment.replica
            return Readiness(
                equipment.identity, steps: replica.place.steps,
                parameterHash: try Snapshot.parameterHash(replica.model))
        }
        let configuration = try RunConfiguration.parse(offer.yaml, source: "the coordinator's configuration")
        try OpenFiles.allow(peers: configuration.shards * configuration.allreduce.connections)
        let data = WorkerData(
            configuration.data, environmentPath: settings.environmentPath, server: offer.samples, log: log)
        let replica = try Replica(
            configuration, threads: settings.threads ?? configuration.cluster.threads, pipeline: try data.pipeline())
        log(
            .info,
            "run \(run): \(replica.model.name) with \(replica.model.arena.trainableCount) parameters, "
                + "\(replica.dataset.name) with \(replica.dataset.count(.train)) samples to learn from and "
                + "\(replica.dataset.count(.test)) to judge by, \(replica.engine.kernelName) kernels, "
                + "BLAS core \(BLAS.coreName)")
        let mailbox = SegmentMailbox(transport: transport, runID: Self.number(of: run)) { [log] dropped in
            log(.warning, "\(dropped)")
        }
        let identity = try replica.identity(build: settings.build)
        equipment = Equipment(
            run: run, offer: offer, replica: replica, identity: identity, mailbox: mailbox,
            transfer: StateTransfer(transport: stateTransport, run: run))
        return Readiness(identity)
    }

    /// Trains to the end or a pause.
    public func train(_ assignment: Assignment, control: WorkerControl) throws -> TrainingEnd {
        guard let equipment else {
            throw WorkerFailure("the coordinator started a run that it has not described")
        }
        let replica = equipment.replica
        let configuration = replica.configuration
        for member in assignment.members where member.rank != assignment.rank {
            try transport.connect(
                to: member.id, at: member.dataAddress, connections: configuration.allreduce.connections)
        }
        let hosts = assignment.members.map { member in
            configuration.allreduce.sharedMemory && !member.memoryDomain.isEmpty
                ? member.memoryDomain : member.id.name
        }
        let group = AllReduceGroup(
            mailbox: equipment.mailbox, rank: assignment.rank, members: assignment.members.map(\.id),
            names: assignment.members.map(\.description), generation: UInt32(assignment.generation),
            algorithm: try AlgorithmCatalog.algorithm(named: configuration.allreduce.algorithm),
            shards: assignment.shards, hosts: hosts, deadline: configuration.allreduce.timeout,
            segmentElements: configuration.allreduce.segmentElements, windowBytes: configuration.allreduce.windowBytes)
        if configuration.allreduce.feedsErrorBack && assignment.firstStep > 0 {
            log(
                .warning,
                "allreduce.compression=\(configuration.allreduce.compression.rawValue) begins anew at step "
                    + "\(assignment.firstStep): the parameters will not be those of a run whose members never changed")
        }
        guard orders.begin(assignment, group) else { return .paused(try replica.pause()) }
        let loop: TrainingLoop
        do {
            loop = try TrainingLoop(
                replica, assignment, control: control, group: group, orders: orders, transfer: equipment.transfer,
                failpoints: settings.failpoints, log: log)
        } catch let error as CollectiveError {
            return .paused(try TrainingLoop.pause(replica, after: error, assignment.members))
        }
        self.loop = loop
        log(
            .info,
            "\(assignment.members[assignment.rank]) trains in generation \(assignment.generation) from step "
                + "\(assignment.firstStep)")
        let end = try loop.run()
        switch end {
        case .finished(let report): log(.info, "trained to step \(report.steps), parameters \(report.parameterHash)")
        case .paused(let pause): log(.info, "paused after \(pause.steps) steps\(pause.reason.map { ": " + $0 } ?? "")")
        }
        return end
    }

    /// Sends a checkpoint where the training paused.
    public func save(control: WorkerControl) throws { try loop?.save() }

    /// Finishes where the training paused.
    public func conclude(savesCheckpoint: Bool, control: WorkerControl) throws -> FinalReport {
        guard let loop else { throw WorkerFailure("the coordinator ended a run that it has not started") }
        return try loop.conclude(savesCheckpoint: savesCheckpoint)
    }

    /// Makes the workers agree to pause after the next step.
    public func requestPause(of generation: Int) { orders.requestPause(of: generation) }

    /// Makes the training pause at once.
    public func cancel(_ generation: Int, reason: String) { orders.cancel(generation, reason: reason) }

    /// Lets the training go on after an evaluation.
    public func confirm(evaluationOf epoch: Int) { orders.confirm(evaluationOf: epoch) }

    /// Makes the training send a checkpoint after the next step.
    public func requestCheckpoint() { orders.requestCheckpoint() }

    /// The run's id as the number that marks its gradient messages.
    private static func number(of run: String) -> UInt64 {
        SHA256.hash(Data(run.utf8)).bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
