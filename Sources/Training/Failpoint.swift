import Foundation

/// A fault that a process brings on itself at a chosen place, so that recovery can be tried; none unless asked for.
///
/// `CONVOY_FAILPOINT` holds a list such as `reduce:kill@3,save:stop@10#worker-1`: at which site, what, at which step, and
/// in which worker (all, if it is left out).
package struct Failpoints: Sendable {
    /// Where faults can be brought on.
    package enum Site: String, Sendable, CaseIterable {
        /// Before a worker computes the gradients of a step.
        case compute
        /// In the middle of the sum over the workers.
        case reduce
        /// Before a step whose sum is complete is applied.
        case apply
        /// After it was applied and before anybody hears of it.
        case applied
        /// In the middle of an evaluation.
        case evaluate
        /// In the middle of sending a checkpoint to the coordinator.
        case save
        /// Before the state of a replica is sent, or received.
        case transfer
        /// In the coordinator, between two files of a checkpoint.
        case checkpoint
        /// In the coordinator, after it has let its workers go and before the result is written.
        case conclude
    }

    /// What can happen there.
    package enum Fault: String, Sendable, CaseIterable {
        /// The process kills itself.
        case kill
        /// The process stops itself, until somebody lets it go on.
        case stop
        /// A bit of the first parameter flips.
        case flip
        /// The gradient becomes not a number.
        case poison
    }

    private struct Point: Sendable {
        let site: Site
        let fault: Fault
        let step: Int
    }

    /// The environment variable.
    package static let variable = "CONVOY_FAILPOINT"
    private let points: [Point]

    /// No faults.
    package init() { points = [] }

    /// The faults of `text` for the process called `name`.
    ///
    /// - Throws: ``FailpointError`` for a text that cannot be understood.
    package init(_ text: String?, for name: String) throws(FailpointError) {
        var points: [Point] = []
        for part in (text ?? "").split(separator: ",") {
            let pieces = part.split(separator: "#", maxSplits: 1)
            let words = pieces[0].split(whereSeparator: ":@".contains)
            guard words.count == 3, let site = Site(rawValue: String(words[0])),
                let fault = Fault(rawValue: String(words[1])), let step = Int(words[2])
            else { throw FailpointError(text: String(part)) }
            if pieces.count == 1 || pieces[1] == name { points.append(Point(site: site, fault: fault, step: step)) }
        }
        self.points = points
    }

    /// Kills or stops this process if that was asked for here.
    package func pass(_ site: Site, step: Int) {
        for point in points where point.site == site && point.step == step {
            switch point.fault {
            case .kill: kill(getpid(), SIGKILL)
            case .stop: kill(getpid(), SIGSTOP)
            case .flip, .poison: break
            }
        }
    }

    /// Whether a fault that its site has to bring on itself was asked for here.
    package func demand(_ fault: Fault, at site: Site, step: Int) -> Bool {
        points.contains { $0.site == site && $0.fault == fault && $0.step == step }
    }
}

/// A list of faults that cannot be understood.
package struct FailpointError: Error, Equatable, CustomStringConvertible {
    let text: String

    package var description: String {
        "\(Failpoints.variable) holds '\(text)', which is not SITE:FAULT@STEP or SITE:FAULT@STEP#WORKER; sites: "
            + Failpoints.Site.allCases.map(\.rawValue).joined(separator: ", ") + "; faults: "
            + Failpoints.Fault.allCases.map(\.rawValue).joined(separator: ", ")
    }
}
