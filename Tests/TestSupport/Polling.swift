import Foundation

/// Looks again and again until `condition` holds; false when the time is up.
///
/// Only for what offers nothing to wait on: files that strangers write, and processes that are not children.
public func poll(within limit: Duration = .seconds(60), until condition: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < deadline else { return false }
        usleep(5000)
    }
    return true
}
