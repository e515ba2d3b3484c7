import Configuration
import Optimizers
import Testing

@Suite("Optimizer configuration")
struct OptimizerConfigurationTests {
    private func problems(_ change: (inout OptimizerConfiguration) -> Void) -> [String] {
        var configuration = OptimizerConfiguration()
        change(&configuration)
        return configuration.problems().map { "\($0.key): \($0.problem)" }
    }

    @Test("the defaults are possible")
    func defaults() {
        #expect(problems { _ in } == [])
        #expect(ScheduleProblems.ofDefaults == [])
    }

    @Test("impossible values are told by key")
    func impossible() {
        #expect(problems { $0.learningRate = 0 } == ["learning_rate: must be positive, found 0.0"])
        #expect(problems { $0.learningRate = .nan } == ["learning_rate: must be positive, found nan"])
        #expect(problems { $0.weightDecay = -1 } == ["weight_decay: must not be negative, found -1.0"])
        #expect(problems { $0.momentum = 1 } == ["momentum: must be in [0, 1), found 1.0"])
        #expect(
            problems {
                $0.nesterov = false
                $0.dampening = 1.5
            } == ["dampening: must be in [0, 1], found 1.5"])
    }

    @Test("Nesterov needs momentum without dampening")
    func nesterov() {
        let message = "nesterov: needs a momentum above 0 and a dampening of 0; set nesterov: false"
        #expect(problems { $0.momentum = 0 } == [message])
        #expect(problems { $0.dampening = 0.5 } == [message])
    }

    @Test("an unknown name is refused")
    func unknown() {
        #expect(
            problems { $0.name = "sgdm" } == [
                "name: names an unknown optimizer 'sgdm'; known: sgd; did you mean 'sgd'?"
            ])
        var configuration = OptimizerConfiguration()
        configuration.name = "sgdm"
        #expect(throws: UnknownName.self) { _ = try OptimizerCatalog.make(configuration) }
    }
}

private enum ScheduleProblems {
    static let ofDefaults = ScheduleConfiguration().problems().map(\.problem)
}
