import Datasets
import Messaging
import Threading

/// A sample that has come from the coordinator.
package struct ArrivedSample: Sendable {
    /// What was said about it.
    package let answer: SampleReply.Answer
    /// Its pixels; nil when it cannot be read.
    package let pixels: Frame?
}

/// A worker's way to the samples of a ``SampleServer``: asks ahead of use, but for no more than its credit.
///
/// It outlives its server: what was under way when the connection ended is asked for again once there is a new one.
package final class SampleStream: Sendable {
    private let requests: SampleRequests
    private let transport: any Transport

    /// Connects to the server at `address`.
    ///
    /// - Parameter credit: The largest number of samples that are under way or wait for their use.
    /// - Throws: `TransportError` when the address cannot be understood.
    package init(
        _ transport: any Transport, server: PeerID, at address: String, credit: Int = 256
    ) throws(TransportError) {
        try transport.connect(to: server, at: address)
        self.transport = transport
        let requests = SampleRequests(transport, server: server, credit: credit)
        self.requests = requests
        _ = DedicatedThread(name: "sample-stream") {
            transport.receiveAll { event in
                switch event {
                case .message(_, let frames): requests.take(frames)
                case .disconnected, .unreachable: requests.lose()
                case .connected: requests.repeatIfLost()
                }
            }
        }
    }

    deinit { transport.close() }

    /// Asks for samples that will soon be taken, in this order; what was not taken when the result goes is forgotten.
    package func prefetch(_ keys: [SampleKey]) -> Prefetch {
        requests.want(keys)
        return Prefetch { [requests] in requests.forget(keys) }
    }

    /// The sample `key`, asked for ahead or not; waits for it.
    ///
    /// - Throws: When the server cannot read it or does not answer within `patience`.
    package func take(_ key: SampleKey, patience: Duration = .seconds(50)) throws(DatasetError) -> ArrivedSample {
        guard let arrived = requests.wait(for: key, until: .now + patience) else { throw Self.silence(patience) }
        if let problem = arrived.answer.problem { throw Self.fault(problem) }
        return arrived
    }

    /// What the server's data set is.
    ///
    /// - Throws: When the server cannot open it or does not answer within `patience`.
    package func describe(patience: Duration) throws(DatasetError) -> DatasetDescription {
        guard let reply = requests.waitForDescription(until: .now + patience) else { throw Self.silence(patience) }
        if let problem = reply.problem { throw Self.fault(problem) }
        guard let description = reply.description, description.isComplete else {
            throw DatasetError(
                problem: "the coordinator's description of the data set is incomplete",
                remedy: "start the same program everywhere")
        }
        return description
    }

    private static func silence(_ patience: Duration) -> DatasetError {
        DatasetError(
            problem: "the coordinator has sent no samples for \(patience.seconds) s",
            remedy: "see its log, and whether the network lets connections to it through")
    }

    private static func fault(_ problem: String) -> DatasetError {
        DatasetError(problem: "on the coordinator: \(problem)", remedy: nil)
    }
}
