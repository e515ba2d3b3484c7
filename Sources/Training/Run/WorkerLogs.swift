import Cluster
import Messaging

/// The logs of workers that send their lines: one file a worker, named by its rank.
///
/// Lines that come before the ranks are known wait for them. Confined to the thread that runs the coordinator.
struct WorkerLogs {
    private let directory: RunDirectory
    private var ranks: [PeerID: Int] = [:]
    private var files: [PeerID: FileLog] = [:]
    private var waiting: [PeerID: [LogLine]] = [:]

    init(_ directory: RunDirectory) { self.directory = directory }

    /// Learns the ranks of a generation and writes what waited for them.
    mutating func begin(_ members: [Assignment.Member]) throws {
        for member in members {
            ranks[member.id] = member.rank
            for line in waiting.removeValue(forKey: member.id) ?? [] { try add(line, from: member.id) }
        }
    }

    /// Takes a worker's line; its file begins with the first one.
    mutating func add(_ line: LogLine, from worker: PeerID) throws {
        guard let rank = ranks[worker] else { return waiting[worker, default: []].append(line) }
        let file = try files[worker] ?? FileLog(path: directory.workerLog(rank))
        files[worker] = file
        file.write(line.level, line.line)
    }

    /// The lines of workers that never had a rank, by worker.
    var unassigned: [(worker: PeerID, lines: [LogLine])] {
        waiting.sorted { $0.key.name < $1.key.name }.map { ($0.key, $0.value) }
    }
}
