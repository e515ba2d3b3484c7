import Configuration
import Datasets
import Foundation
import Logging
import Messaging

/// Opens a worker's data set: its own copy, the coordinator's, or the coordinator's for what its own cannot give.
package struct WorkerData {
    private let configuration: DataConfiguration
    private let environmentPath: String?
    private let server: String?
    private let log: @Sendable (Logger.Level, String) -> Void

    /// Describes what to open.
    ///
    /// - Parameters:
    ///   - configuration: The section `data`.
    ///   - environmentPath: The value of `$CONVOY_DATA`.
    ///   - server: Where the coordinator hands out samples; nil when it hands out none.
    ///   - log: Is told what comes from the coordinator because the own copy is missing or damaged.
    package init(
        _ configuration: DataConfiguration, environmentPath: String?, server: String?,
        log: @escaping @Sendable (Logger.Level, String) -> Void
    ) {
        self.configuration = configuration
        self.environmentPath = environmentPath
        self.server = server
        self.log = log
    }

    /// The data set with its transforms.
    ///
    /// - Throws: When neither this host nor the coordinator has the data set.
    package func pipeline() throws(DatasetError) -> Pipeline {
        try DatasetCatalog.pipeline(dataset(), configuration)
    }

    private func dataset() throws(DatasetError) -> any Dataset {
        if configuration.delivery == .stream { return try streamed() }
        let own: any Dataset
        do throws(DatasetError) {
            own = try DatasetCatalog.open(configuration, environmentPath: environmentPath)
        } catch {
            let cause = error
            guard server != nil, let streamed = try? streamed() else { throw cause }
            log(.warning, "\(cause); samples come from the coordinator instead")
            return streamed
        }
        if server == nil { return own }
        let streamed: StreamedDataset
        do throws(DatasetError) {
            streamed = try self.streamed(patience: .seconds(10))
        } catch {
            // A coordinator without the data set cannot help, and need not.
            log(.info, "\(error); the own copy is read without the coordinator's help")
            return own
        }
        if streamed.digest == own.digest {
            return BackedDataset(own, backup: streamed) { [log] line in log(.warning, line) }
        }
        log(
            .warning,
            "the copy of \(own.name) differs from the coordinator's (digest \(own.digest.prefix(12)), there "
                + "\(streamed.digest.prefix(12))); samples come from the coordinator instead")
        return streamed
    }

    /// The coordinator's data set.
    private func streamed(patience: Duration = .seconds(50)) throws(DatasetError) -> StreamedDataset {
        guard let server else {
            throw DatasetError(
                problem: "the coordinator hands out no samples", remedy: "start the same program everywhere")
        }
        let stream: SampleStream
        do {
            let id = try PeerID("samples-of-\(getpid())-\(UInt32.random(in: 0 ... .max))")
            stream = try SampleStream(ZeroMQTransport(id: id), server: SampleServer.id, at: server)
        } catch {
            throw DatasetError(
                problem: "there is no way to the coordinator's samples at \(server): \(error)", remedy: nil)
        }
        return try StreamedDataset(stream, patience: patience)
    }
}
