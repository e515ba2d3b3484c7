import Cluster
import Foundation
import Testing

@Suite("ClusterConfiguration")
struct ClusterConfigurationTests {
    @Test("keys are in snake case, and values survive")
    func keys() throws {
        var configuration = ClusterConfiguration()
        configuration.minWorkers = 2
        configuration.joinTimeoutSeconds = 7.5
        let data = try JSONEncoder().encode(configuration)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Double])
        #expect(
            object == [
                "workers": 2, "threads": 1, "min_workers": 2, "join_timeout_s": 7.5, "heartbeat_timeout_s": 2,
                "progress_timeout_s": 30, "reattach_timeout_s": 60, "rebalance": 1, "restart_workers": 0,
            ])
        #expect(try JSONDecoder().decode(ClusterConfiguration.self, from: data) == configuration)
        #expect(configuration.joinTimeout == .seconds(7.5))
    }

    @Test("defaults are usable, and each unusable value is named")
    func problems() {
        #expect(ClusterConfiguration().problems().isEmpty)
        var configuration = ClusterConfiguration()
        configuration.workers = 0
        configuration.threads = -1
        configuration.minWorkers = 3
        configuration.joinTimeoutSeconds = .nan
        configuration.heartbeatTimeoutSeconds = 0.1
        configuration.progressTimeoutSeconds = 0
        configuration.reattachTimeoutSeconds = 1e9
        #expect(
            configuration.problems().map { "\($0.key) \($0.problem)" } == [
                "workers must be between 1 and 4096, not 0", "threads must be between 1 and 1024, not -1",
                "min_workers must be between 1 and cluster.workers (0), not 3",
                "join_timeout_s must be between 1 and 86400 seconds, not nan",
                "heartbeat_timeout_s must be between 1 and 86400 seconds, not 0.1",
                "progress_timeout_s must be between 1 and 86400 seconds, not 0.0",
                "reattach_timeout_s must be between 1 and 86400 seconds, not 1000000000.0",
            ])
    }
}
