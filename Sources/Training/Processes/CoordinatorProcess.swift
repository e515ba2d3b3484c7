import Checkpoints
import Cluster
import Datasets
import Foundation
import Logging
import Messaging
import Tensors

/// The life of a coordinator: from a configuration, or from the directory of a run, to the result of the run.
///
/// One thread uses it.
public final class CoordinatorProcess {
    /// The name under which workers know the coordinator.
    public static let id: PeerID = "coordinator"

    /// The run's directory.
    public let directory: RunDirectory
    /// Where workers reach the coordinator.
    public let address: String
    /// The run, resolved.
    public let configuration: RunConfiguration
    private let build: String
    private let transport: ZeroMQTransport
    /// Hands out samples to workers that have no copy of the data set; nil when all read what it would.
    private let samples: SampleServer?
    /// The workers that this process starts itself, with the numbers of their logs; empty when they join by themselves.
    private var launched: [PeerID: Int]
    private let coordinator: Coordinator
    private let signals: InterruptSignals
    private let ledger: Ledger
    private let past: [Ledger.Record]

    /// Opens the socket and creates the run's directory.
    ///
    /// From then on the first SIGINT or SIGTERM ends the run at a step boundary, the second at once.
    ///
    /// - Parameters:
    ///   - configuration: The run, resolved.
    ///   - address: Where to listen: `tcp://HOST:PORT`, or nil for a socket of this host alone.
    ///   - advertisedHost: The name under which other hosts reach this one; needed when HOST is a wildcard.
    /// - Throws: `TransportError` when the address cannot be used, an error of the run's directory.
    public convenience init(
        _ configuration: RunConfiguration, listeningAt address: String? = nil, advertisedHost: String? = nil
    ) throws {
        try OpenFiles.allow(peers: configuration.shards)
        let transport = try ZeroMQTransport(
            id: Self.id, listeningAt: address ?? LocalAddress.abstract("run"), advertisedHost: advertisedHost)
        let directory = try RunDirectory(creatingIn: configuration.run.directory, name: configuration.run.name)
        let ledger = try Ledger.open(path: directory.file(Ledger.name)).ledger
        let beside = address.map(LocalAddress.beside)
        let samples = try Self.samples(configuration.data, listeningAt: beside, advertisedHost: advertisedHost)
        try ledger.append(
            .opened(
                run: directory.id, bind: address.map { LocalAddress.withPort(of: transport.address ?? "", $0) },
                advertisedHost: advertisedHost,
                samples: beside.map { LocalAddress.withPort(of: samples?.address ?? "", $0) }))
        try self.init(
            configuration, directory: directory, transport: transport, samples: samples, isLocal: address == nil,
            ledger: ledger, records: [])
        // After the journal, and before anybody is told the address: whoever joins relies on a coordinator that takes over.
        try directory.write(configuration)
    }

    /// Takes over the run whose directory is at `path`.
    ///
    /// - Parameters:
    ///   - path: The run's directory.
    ///   - isLocal: Whether this process starts the workers; else those of before come back, and others may join.
    ///   - overrides: The number of workers and threads, as on the command line.
    ///   - address: Where to listen; nil for where the coordinator of before did.
    ///   - advertisedHost: The name under which other hosts reach this one; nil for that of before.
    /// - Throws: When the directory holds no run that can go on, or another coordinator leads it.
    public convenience init(
        resuming path: String, isLocal: Bool, overrides: [String], listeningAt address: String? = nil,
        advertisedHost: String? = nil
    ) throws {
        let directory = try RunDirectory(opening: path)
        let configuration = try RunConfiguration.read(
            path: directory.file(RunDirectory.configurationName), overrides: overrides)
        let (ledger, all) = try Ledger.open(path: directory.file(Ledger.name))
        var (bind, host) = (address, advertisedHost)
        var samplesBind = address.map(LocalAddress.beside)
        for case .opened(_, let bound?, let advertised, let door) in all where address == nil {
            (bind, host) = (bound, advertised)
            samplesBind = door ?? LocalAddress.beside(bound)
        }
        guard let listening = isLocal ? LocalAddress.abstract("run") : bind else {
            throw RunDirectoryError(
                sentence: "the run of \(path) was a local one; go on with convoy resume \(path), or add --bind")
        }
        try OpenFiles.allow(peers: configuration.shards)
        let transport = try ZeroMQTransport(id: Self.id, listeningAt: listening, advertisedHost: isLocal ? nil : host)
        // Workers that come back look for samples where they were before.
        if isLocal { (samplesBind, host) = (nil, nil) }
        let samples = try Self.samples(configuration.data, listeningAt: samplesBind, advertisedHost: host)
        try ledger.append(
            .opened(
                run: directory.id, bind: isLocal ? nil : listening, advertisedHost: host,
                samples: samplesBind.map { LocalAddress.withPort(of: samples?.address ?? "", $0) }))
        try self.init(
            configuration, directory: directory, transport: transport, samples: samples, isLocal: isLocal,
            ledger: ledger, records: Ledger.valid(all))
    }

    private init(
        _ configuration: RunConfiguration, directory: RunDirectory, transport: ZeroMQTransport, samples: SampleServer?,
        isLocal: Bool, ledger: Ledger, records: [Ledger.Record]
    ) throws {
        self.configuration = configuration
        self.directory = directory
        self.transport = transport
        self.samples = samples
        self.ledger = ledger
        self.past = records
        build = try Host.build()
        address = transport.address ?? ""
        try ledger.synchronize()
        var past = RunPast(records)
        if isLocal {
            // The workers of before died with their coordinator.
            past.members = []
            past.identity = nil
        }
        let log = try FileLog(path: directory.coordinatorLog)
        if !records.isEmpty {
            let store = try CheckpointStore(
                directory: directory.checkpoints, keep: configuration.training.keepCheckpoints)
            past.savedStep = try store.newest { log.write(.warning, $0) }?.step ?? 0
        }
        let cluster = configuration.cluster
        launched = [:]
        if isLocal && !past.isComplete {
            for number in 0..<cluster.workers { launched[try PeerID("worker-\(number)")] = number }
        }
        let coordinator = Coordinator(
            transport: transport,
            settings: CoordinatorState.Settings(
                run: directory.id, yaml: try configuration.yaml(), build: build, workers: cluster.workers,
                minWorkers: cluster.minWorkers, shards: configuration.shards, joinTimeout: cluster.joinTimeout,
                heartbeatTimeout: cluster.heartbeatTimeout, progressTimeout: cluster.progressTimeout,
                reattachTimeout: cluster.reattachTimeout, isRebalancing: cluster.isRebalancing,
                samples: samples?.address, launched: Set(launched.keys), restarts: cluster.restartWorkers, past: past))
        self.coordinator = coordinator
        // Before anybody knows of the run, so that it has a result however early it is interrupted.
        signals = InterruptSignals { coordinator.interrupt() }
    }

    /// Hands out samples at `address`; without one on this host alone, and only if workers do not read them themselves.
    private static func samples(
        _ data: DataConfiguration, listeningAt address: String?, advertisedHost: String?
    ) throws -> SampleServer? {
        if address == nil && data.delivery == .local { return nil }
        let door = try ZeroMQTransport(
            id: SampleServer.id, listeningAt: address ?? LocalAddress.abstract("samples"),
            advertisedHost: advertisedHost)
        let environmentPath = ProcessInfo.processInfo.environment["CONVOY_DATA"]
        return SampleServer(door) { () throws(DatasetError) in
            try DatasetCatalog.open(data, environmentPath: environmentPath)
        }
    }

    /// Leads a run whose workers join by themselves; `modelTable` goes to the log.
    public func run(_ display: any RunDisplay, command: [String], modelTable: String? = nil) throws -> RunResult {
        try run(display, command, modelTable, launcher: nil) { _, _ in }
    }

    /// Leads a run with worker processes of its own on this host; for a coordinator that listens on this host alone.
    ///
    /// - Parameters:
    ///   - program: The path of this program.
    ///   - environment: The environment of the workers.
    ///   - modelTable: What the network is made of, for the log.
    public func runLocally(
        _ display: any RunDisplay, command: [String], program: String, environment: [String: String],
        modelTable: String? = nil
    ) throws -> RunResult {
        let launcher = LocalLauncher { [coordinator] worker, exit in coordinator.processExited(worker, exit) }
        return try run(display, command, modelTable, launcher: launcher) { worker, number in
            let arguments = [
                program, "worker", "--coordinator", address, "--id", worker.name, "--parent-pid", "\(getpid())",
            ]
            try launcher.start(
                .init(
                    worker: worker, arguments: arguments, environment: environment, log: directory.workerLog(number)))
        }
    }

    private func run(
        _ display: any RunDisplay, _ command: [String], _ modelTable: String?, launcher: LocalLauncher?,
        launch: (PeerID, _ number: Int) throws -> Void
    ) throws -> RunResult {
        defer {
            transport.close()
            samples?.close()
        }
        // For workers whose state comes from a checkpoint; it dials only.
        let stateTransport = try ZeroMQTransport(id: Self.id)
        defer { stateTransport.close() }
        let transfer = StateTransfer(transport: stateTransport, run: directory.id)
        let failpoints = try Failpoints(ProcessInfo.processInfo.environment[Failpoints.variable], for: Self.id.name)
        let recorder = try RunRecorder(
            configuration, directory: directory, environment: try environment(command), ledger: ledger, past: past,
            coordinator: coordinator, display: display, startsWorkers: !launched.isEmpty, failpoints: failpoints
        ) { [directory, coordinator] assignment in
            do {
                try Self.send(directory, assignment, by: transfer)
            } catch {
                coordinator.fail("the run cannot go on from its checkpoint: \(error)")
            }
        }
        if let modelTable { recorder.observe(.notice(.info, "the network:\n\(modelTable)")) }
        for (worker, number) in launched.sorted(by: { $0.value < $1.value }) { try launch(worker, number) }
        let outcome = coordinator.run(recorder) { worker, previous in
            let number = launched[previous] ?? launched.count
            launched[worker] = number
            do { try launch(worker, number) } catch {
                recorder.observe(.notice(.error, "\(error)"))
                coordinator.processExited(worker, .status(1))
            }
        }
        if let launcher {
            // Workers that ended with the run have only to leave; those of a broken one may still be computing.
            let isOrderly =
                switch outcome {
                case .completed, .interrupted(.some): true
                case .failed, .interrupted(.none): false
                }
            if isOrderly { _ = launcher.wait(until: .now + .seconds(5)) }
            launcher.close(grace: .milliseconds(500))
        }
        failpoints.pass(.conclude, step: recorder.result.steps)
        return try recorder.conclude(outcome)
    }

    /// Sends the checkpoint of a generation's first step to all its members.
    private static func send(_ directory: RunDirectory, _ assignment: Assignment, by transfer: StateTransfer) throws {
        let name = "\(directory.checkpoints)/step-\(assignment.firstStep)"
        try transfer.send(
            Snapshot(Checkpoint.open(name)), generation: assignment.generation, to: assignment.members)
    }

    private func environment(_ command: [String]) throws -> EnvironmentRecord {
        let process = ProcessInfo.processInfo
        return EnvironmentRecord(
            run: directory.id, version: Host.version, build: build, startedAt: Date().formatted(.iso8601),
            host: Host.name, operatingSystem: process.operatingSystemVersionString, cpu: Host.cpu,
            cores: process.activeProcessorCount, memoryMB: Double(process.physicalMemory) / 1e6,
            openblasCore: BLAS.coreName, zeromqVersion: ZeroMQLibrary.version, command: command)
    }
}
