import Foundation
import Messaging
import Testing

/// The kinds of transport that keep the same contract.
enum NetworkKind: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case inMemory = "in memory"
    case tcp = "ZeroMQ over tcp"
    case ipc = "ZeroMQ over ipc"

    var testDescription: String { rawValue }
}

/// Makes connected endpoints of one kind.
struct TestNetwork {
    let kind: NetworkKind
    private let memory = InMemoryNetwork()
    private let name = UUID().uuidString

    init(_ kind: NetworkKind) { self.kind = kind }

    func endpoint(_ id: PeerID, listens: Bool = true) throws -> any Transport {
        switch kind {
        case .inMemory:
            return try memory.endpoint(id, at: listens ? "memory-\(id)" : nil)
        case .tcp:
            return try ZeroMQTransport(
                id: id, listeningAt: listens ? "tcp://127.0.0.1:0" : nil, options: quick)
        case .ipc:
            return try ZeroMQTransport(
                id: id, listeningAt: listens ? "ipc://@convoy-test-\(name)-\(id)" : nil, options: quick)
        }
    }

    private var quick: ZeroMQOptions {
        var options = ZeroMQOptions()
        options.connectTimeout = .milliseconds(300)
        return options
    }

    /// Ends an endpoint without a word to its peers.
    func kill(_ transport: any Transport) {
        if kind == .inMemory { memory.kill(transport.id) } else { transport.close() }
    }
}

extension Transport {
    /// Dials `other`.
    func dial(_ other: any Transport) throws {
        try connect(to: other.id, at: #require(other.address))
    }

    /// The next event that `wanted` accepts, within ten seconds.
    func await<Result>(_ wanted: (TransportEvent) -> Result?) throws -> Result {
        let deadline = ContinuousClock.now + .seconds(10)
        while let event = try receive(until: deadline) {
            if let result = wanted(event) { return result }
        }
        throw Overdue()
    }

    /// The next message, within ten seconds.
    func message() throws -> (sender: PeerID, frames: [[UInt8]]) {
        try `await` { event in
            if case .message(let sender, let frames) = event { (sender, frames.map(\.bytes)) } else { nil }
        }
    }

    /// Waits until `peer` is reported as disconnected.
    func disconnection(of peer: PeerID) throws {
        try `await` { event in
            if case .disconnected(peer) = event { () } else { nil }
        }
    }

    /// The reason for which `peer` is reported as unreachable.
    func unreachability(of peer: PeerID) throws -> String {
        try `await` { event in
            if case .unreachable(peer, let reason) = event { reason } else { nil }
        }
    }
}

struct Overdue: Error {}

extension Frame {
    init(_ number: Int) { self.init(Array("\(number)".utf8)) }
}
