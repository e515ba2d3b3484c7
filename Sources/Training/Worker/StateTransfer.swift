import Cluster
import Foundation
import Messaging
import Threading

/// Carries the state of replicas between the processes of a run, apart from gradients and control messages.
///
/// A giver sends without being asked: everyone knows from the assignment who needs what. A part carries run and
/// generation, so what comes late counts for nothing.
///
/// Sending and receiving belong to one thread.
final class StateTransfer {
    private let transport: any Transport
    private let run: String
    private var served: [PeerID: String] = [:]

    /// A transfer for `run` over a transport that serves nothing else.
    init(transport: any Transport, run: String) {
        self.transport = transport
        self.run = run
    }

    /// Queues a replica's state for those who need it and returns at once.
    ///
    /// - Throws: `TransportError` when an address is unusable.
    func send(_ snapshot: Snapshot, generation: Int, to members: [Assignment.Member]) throws {
        // Whoever is not a member any more takes nothing, and what waits for it would wait for ever.
        for (peer, _) in served where !members.contains(where: { $0.id == peer }) {
            transport.disconnect(from: peer)
            served[peer] = nil
        }
        for member in members {
            served[member.id] = member.stateAddress
            try transport.connect(to: member.id, at: member.stateAddress)
        }
        for (part, bytes) in snapshot.parts {
            let envelope = Envelope(run: run, generation: generation, WorkerMessage.checkpointPart(part))
            let frames = try ControlCodec.frames(envelope, payload: bytes)
            for member in members { try transport.send(frames, to: member.id) }
        }
    }

    /// Takes in the state that `donor` sends for the beginning of a generation.
    ///
    /// - Parameters:
    ///   - patience: The longest wait without any progress.
    ///   - isCancelled: Asked now and then; nil is returned once it is true.
    /// - Throws: `SnapshotError` when nothing comes, or what came does not fit together.
    func receive(
        step: Int, generation: Int, from donor: String, patience: Duration, isCancelled: () -> Bool
    ) throws -> Snapshot? {
        var files: [(name: String, bytes: Data)] = []
        var received = 0
        var deadline = ContinuousClock.now + patience
        while true {
            if isCancelled() { return nil }
            guard ContinuousClock.now < deadline else {
                throw SnapshotError(
                    "waited \(patience.text) for \(donor) to send that of step \(step), with \(received) bytes so far; "
                        + "see whether it still runs and can be reached")
            }
            guard case .message(_, let frames) = try transport.receive(until: min(deadline, .now + .milliseconds(50))),
                frames.count == 2,
                let envelope = try? ControlCodec.envelope(in: frames, as: WorkerMessage.self),
                envelope.run == run, envelope.generation == generation,
                case .checkpointPart(let part) = envelope.message, part.step == step
            else { continue }
            deadline = .now + patience
            if files.last?.name != part.file { files.append((part.file, Data(capacity: part.totalBytes))) }
            guard files[files.count - 1].bytes.count == part.offset else {
                throw SnapshotError("\(part.file) came from \(donor) with a gap before byte \(part.offset)")
            }
            frames[1].withBytes { files[files.count - 1].bytes.append(contentsOf: $0) }
            received += frames[1].count
            if part.isLast { return try Snapshot(received: files) }
        }
    }
}
