import Foundation
import Messaging

extension Patience {
    /// How long one of a host's `workers` that has nothing else to do stays awake.
    ///
    /// What comes within a microsecond or two is worth a spin while each of them has a core. After that, or at once on a
    /// crowded host, the core belongs to whoever else can run, perhaps the worker that is awaited, and after some hundred
    /// microseconds to nobody.
    static func sharing(workers: Int) -> Patience {
        Patience(spins: workers <= ProcessInfo.processInfo.activeProcessorCount ? 200 : 10, yields: 1000)
    }
}

extension SharedCounter {
    /// How long a worker sleeps before it looks whether to go on waiting.
    static let nap = Duration.milliseconds(5)
}

/// The patience of one wait in shared memory: it ends with the group or at the deadline.
struct HostPatience {
    private let watch: GroupWatch
    private let hosts: HostGroups
    private let position: Position
    private var end: ContinuousClock.Instant?

    init(_ watch: GroupWatch, _ hosts: HostGroups, _ position: Position) {
        self.watch = watch
        self.hosts = hosts
        self.position = position
    }

    /// Throws when there is no point in waiting for the host's workers `missing` any longer; the time counts from the first
    /// call.
    mutating func check(_ missing: @autoclosure () -> [Int]) throws(CollectiveError) {
        try watch.look(position)
        let now = ContinuousClock.now
        guard let end else {
            end = now + watch.deadline
            return
        }
        guard now >= end else { return }
        let ranks = hosts.ranks[hosts.host(of: watch.rank)]
        throw .absent(
            rank: watch.rank, waited: watch.deadline, peers: missing().map { watch.names[ranks[$0]] },
            step: position.step, bucket: position.bucket)
    }
}
