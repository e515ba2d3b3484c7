import Configuration
import Optimizers
import TestSupport
import Testing

@Suite("Learning rate schedules")
struct ScheduleTests {
    private struct Parameters: Decodable {
        let name: String
        let rate: Float
        let warmup, total: Int
    }

    @Test("every step's rate is PyTorch's", arguments: Fixture.names(in: .module, startingWith: "schedule"))
    func agreement(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let parameters: Parameters = try fixture.parameters()
        var configuration = ScheduleConfiguration()
        configuration.name = parameters.name
        configuration.warmupEpochs = Double(parameters.warmup) / 4
        let rate = try LearningRate(
            parameters.rate, configuration, stepsPerEpoch: 4, totalSteps: parameters.total)
        for (step, expected) in try fixture.doubles("exact.rates").enumerated() {
            // PyTorch's base rate is a double, ours a float.
            #expect(abs(Double(rate.at(step)) - expected) <= 1.2e-7 * Double(parameters.rate), "step \(step)")
        }
    }

    @Test("every schedule starts at the configured rate and stays between zero and it", arguments: [0, 2.5])
    func bounds(warmupEpochs: Double) throws {
        for type in ScheduleCatalog.all {
            var configuration = ScheduleConfiguration()
            configuration.name = type.name
            configuration.warmupEpochs = warmupEpochs
            let rate = try LearningRate(0.5, configuration, stepsPerEpoch: 10, totalSteps: 100)
            #expect(rate.at(Int(warmupEpochs * 10)) == 0.5, "\(type.name)")
            #expect((0..<100).allSatisfy { rate.at($0) > 0 && rate.at($0) <= 0.5 }, "\(type.name)")
        }
    }

    @Test("a warm-up longer than the run rises to its end")
    func longWarmup() throws {
        var configuration = ScheduleConfiguration()
        configuration.warmupEpochs = 5
        let rate = try LearningRate(1, configuration, stepsPerEpoch: 10, totalSteps: 4)
        #expect((0..<4).map(rate.at) == [0.2, 0.4, 0.6, 0.8])
    }

    @Test("an unknown name is refused with the nearest one")
    func unknown() {
        var configuration = ScheduleConfiguration()
        configuration.name = "cosin"
        let message = "names an unknown schedule 'cosin'; known: constant, cosine; did you mean 'cosine'?"
        #expect(configuration.problems().map(\.problem) == [message])
        #expect(throws: UnknownName.self) {
            _ = try LearningRate(1, configuration, stepsPerEpoch: 1, totalSteps: 1)
        }
    }
}
