import Cluster
import Foundation
import Logging
import Messaging
import Tensors

/// The life of a coordinator: from a configuration to the result of the run.
public final class CoordinatorProcess: Sendable {
    /// The name under which workers know the coordinator.
    public static let id: PeerID = "coordinator"

    /// The run's directory.
    public let directory: RunDirectory
    /// Where workers reach the coordinator.
    public let address: String
    private let configuration: RunConfiguration
    private let build: String
    private let transport: ZeroMQTransport
    /// The ids of the workers that this process starts itself; empty when they join by themselves.
    private let launched: [PeerID]
    private let coordinator: Coordinator
    private let signals: InterruptSignals

    /// Opens the socket and creates the run's directory.
    ///
    /// From then on the first SIGINT or SIGTERM ends the run at a step boundary, the second at once.
    ///
    /// - Parameters:
    ///   - configuration: The run, resolved.
    ///   - address: Where to listen: `tcp://HOST:PORT`, or nil for a socket of this host alone.
    ///   - advertisedHost: The name under which other hosts reach this one; needed when HOST is a wildcard.
    /// - Throws: `TransportError` when the address cannot be used, an error of the run's directory.
    public init(
        _ configuration: RunConfiguration, listeningAt address: String? = nil, advertisedHost: String? = nil
    ) throws {
        self.configuration = configuration
        build = try Host.build()
        transport = try ZeroMQTransport(
            id: Self.id, listeningAt: address ?? LocalAddress.abstract("run"), advertisedHost: advertisedHost)
        self.address = transport.address ?? ""
        directory = try RunDirectory(creatingIn: configuration.run.directory, name: configuration.run.name)
        launched =
            address == nil ? try (0..<configuration.cluster.workers).map { try PeerID("worker-\($0)") } : []
        let coordinator = Coordinator(
            transport: transport,
            settings: CoordinatorState.Settings(
                run: directory.id, yaml: try configuration.yaml(), build: build,
                workers: configuration.cluster.workers, joinTimeout: configuration.cluster.joinTimeout,
                heartbeatTimeout: configuration.cluster.heartbeatTimeout, launched: Set(launched)))
        self.coordinator = coordinator
        // Before anybody knows of the run, so that it has a result however early it is interrupted.
        signals = InterruptSignals { coordinator.interrupt() }
    }

    /// Leads a run whose workers join by themselves; `modelTable` goes to the log.
    public func run(_ display: any RunDisplay, command: [String], modelTable: String? = nil) throws -> RunResult {
        try run(display, command, modelTable) { nil }
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
        try run(display, command, modelTable) {
            let launcher = LocalLauncher { [coordinator] worker, exit in coordinator.processExited(worker, exit) }
            for (number, worker) in launched.enumerated() {
                let arguments = [
                    program, "worker", "--coordinator", address, "--id", worker.name, "--parent-pid", "\(getpid())",
                ]
                try launcher.start(
                    .init(
                        worker: worker, arguments: arguments, environment: environment,
                        log: directory.workerLog(number)))
            }
            return launcher
        }
    }

    private func run(
        _ display: any RunDisplay, _ command: [String], _ modelTable: String?, launch: () throws -> LocalLauncher?
    ) throws -> RunResult {
        defer { transport.close() }
        let recorder = try RunRecorder(
            configuration, directory: directory, environment: try environment(command), display: display,
            startsWorkers: !launched.isEmpty)
        if let modelTable { recorder.observe(.notice(.info, "the network:\n\(modelTable)")) }
        let launcher = try launch()
        let outcome = coordinator.run(recorder)
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
        return try recorder.conclude(outcome)
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
