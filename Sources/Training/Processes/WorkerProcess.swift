import Cluster
import Foundation
import Logging
import Messaging
import Tensors

/// The life of a worker process: from the coordinator's address to the end of its part in the run.
public struct WorkerProcess: Sendable {
    /// The coordinator's address, `tcp://HOST:PORT` or `ipc://@NAME`.
    public var coordinator: String
    /// The id to join with; nil for one of its own.
    public var id: PeerID?
    /// Compute threads; nil for what the configuration says.
    public var threads: Int?
    /// How long to wait for the coordinator's first answer.
    public var joinTimeout: Duration
    /// The value of `$CONVOY_DATA`.
    public var environmentPath: String?
    /// The value of `$CONVOY_FAILPOINT`.
    public var faults: String?
    /// What to tell whoever reads standard error.
    public var log: FileLog
    /// Whether the coordinator gets the lines too, for the run's directory; not when it reads standard error itself.
    public var sendsLog: Bool

    /// Describes a worker.
    public init(
        coordinator: String, id: PeerID? = nil, threads: Int? = nil, joinTimeout: Duration = .seconds(600),
        environmentPath: String?, faults: String? = nil, log: FileLog, sendsLog: Bool
    ) {
        self.coordinator = coordinator
        self.id = id
        self.threads = threads
        self.joinTimeout = joinTimeout
        self.environmentPath = environmentPath
        self.faults = faults
        self.log = log
        self.sendsLog = sendsLog
    }

    /// Takes part in a run; the first SIGINT or SIGTERM ends it at a step boundary, the second at once.
    ///
    /// - Throws: `TransportError` when no socket can be opened or the address cannot be understood.
    public func run() throws -> WorkerOutcome {
        let id = try id ?? PeerID("\(Host.name)-\(getpid())-\(UInt16.random(in: 0 ... .max))")
        // For the coordinator alone; the configuration says how many others there may be.
        try OpenFiles.allow(peers: 1)
        let build = try Host.build()
        let data = try peerTransport(id, for: "data")
        defer { data.close() }
        let state = try peerTransport(id, for: "state")
        defer { state.close() }
        let control = try ZeroMQTransport(id: id)
        defer { control.close() }
        try control.connect(to: CoordinatorProcess.id, at: coordinator)
        let hello = Hello(
            build: build, host: Host.name, pid: getpid(), threads: threads,
            kernels: InstructionSet.best.rawValue, blasCore: BLAS.coreName, dataAddress: data.address ?? "",
            memoryDomain: SharedMemoryDomain.current, stateAddress: state.address ?? "")
        log.write(
            .info,
            "worker \(id): build \(build), \(hello.kernels) kernels, BLAS core \(hello.blasCore), "
                + "data at \(hello.dataAddress), joining \(coordinator)")
        let workerControl = WorkerControl(
            transport: control, coordinator: CoordinatorProcess.id,
            settings: .init(hello: hello, coordinator: coordinator, joinTimeout: joinTimeout))
        var training = TrainingWorker.Settings(build: build, threads: threads, environmentPath: environmentPath)
        training.failpoints = try Failpoints(faults, for: id.name)
        let worker = TrainingWorker(transport: data, stateTransport: state, settings: training) {
            [log, sendsLog] level, line in
            log.write(level, line)
            if sendsLog { workerControl.report(.log(LogLine(level, line))) }
        }
        let signals = InterruptSignals { workerControl.interrupt() }
        defer { withExtendedLifetime(signals) {} }
        let outcome = workerControl.run(worker)
        log.write(.info, "worker \(id): \(outcome)")
        return outcome
    }

    /// Others reach this worker by the same kind of network as the coordinator is on.
    private func peerTransport(_ id: PeerID, for purpose: String) throws -> ZeroMQTransport {
        if coordinator.hasPrefix("ipc://") {
            return try ZeroMQTransport(id: id, listeningAt: LocalAddress.abstract(purpose))
        }
        guard let host = LocalAddress.route(to: coordinator) else {
            throw AddressError(address: coordinator)
        }
        return try ZeroMQTransport(id: id, listeningAt: "tcp://\(host):*")
    }
}

/// An address to which there is no way.
struct AddressError: Error, CustomStringConvertible {
    let address: String

    var description: String {
        "there is no route to the coordinator at \(address); write it as tcp://HOST:PORT with a name that this host resolves"
    }
}
