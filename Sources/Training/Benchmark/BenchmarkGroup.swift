import Cluster
import Collectives
import Foundation
import Messaging

/// The workers of a benchmark, without a coordinator: the process that starts it is the worker of rank 0.
final class BenchmarkGroup: Sendable {
    /// What the workers sum with.
    let allreduce: AllReduceGroup
    private let addresses: [String]
    private let transport: ZeroMQTransport

    /// Addresses for `workers` processes of this host.
    static func localAddresses(_ workers: Int) -> [String] {
        (0..<workers).map { _ in LocalAddress.abstract("bench") }
    }

    /// Joins the workers at `addresses` as one of them.
    init(_ configuration: AllReduceConfiguration, rank: Int, addresses: [String]) throws {
        self.addresses = addresses
        let members = addresses.indices.map(Self.id)
        transport = try ZeroMQTransport(id: members[rank], listeningAt: addresses[rank])
        for (peer, address) in addresses.enumerated() where peer != rank {
            try transport.connect(to: members[peer], at: address, connections: configuration.connections)
        }
        // A socket without a host's name is one of this host.
        let isLocal = configuration.sharedMemory && addresses.allSatisfy { $0.hasPrefix("ipc://") }
        allreduce = AllReduceGroup(
            mailbox: SegmentMailbox(transport: transport, runID: 0), rank: rank, members: members,
            names: members.map(\.name), generation: 1,
            algorithm: try AlgorithmCatalog.algorithm(named: configuration.algorithm),
            shards: ShardTree(shards: members.count).evenRanges(workers: members.count),
            hosts: isLocal ? members.map { _ in "this host" } : nil, deadline: configuration.timeout,
            segmentElements: configuration.segmentElements, windowBytes: configuration.windowBytes)
    }

    /// Runs `body` as the worker of rank 0 beside processes that `arguments` starts as the others.
    ///
    /// - Throws: What `body` throws, which names the worker whose process failed.
    func withWorkers<Result>(
        arguments: (_ rank: Int, _ addresses: [String]) -> [String], _ body: () throws -> Result
    ) throws -> Result {
        let launcher = LocalLauncher { [allreduce] id, exit in
            if exit != .status(0) { allreduce.cancel(reason: "\(id.name) \(exit); its own message is above") }
        }
        defer { launcher.close(grace: .milliseconds(500)) }
        for rank in addresses.indices.dropFirst() {
            try launcher.start(
                .init(
                    worker: Self.id(rank), arguments: arguments(rank, addresses),
                    environment: ProcessInfo.processInfo.environment, log: nil))
        }
        let result = try body()
        _ = launcher.wait(until: .now + .seconds(5))
        return result
    }

    /// Ends all connections.
    func close() { transport.close() }

    private static func id(_ rank: Int) -> PeerID { PeerID(stringLiteral: "worker-\(rank)") }
}
