import Configuration
import Optimizers
import TestSupport
import Testing

@Suite("Learning rate schedules")
struct ScheduleTests {
    private struct Parameters: Decodable {
        let section: String
        let rate: Double
        let total: Int
    }

    private static let golden = Fixture.names(in: .module, startingWith: "schedule")

    private func problem(_ section: String) -> String {
        do throws(ConfigurationError) {
            _ = try schedule(section)
            return "no problem"
        } catch {
            return error.problem
        }
    }

    @Test("every step's rate is PyTorch's", arguments: golden)
    func agreement(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let parameters: Parameters = try fixture.parameters()
        let rate = LearningRate(
            parameters.rate, try schedule(parameters.section), stepsPerEpoch: 4, totalSteps: parameters.total)
        let expected = try fixture.doubles("exact.rates")
        #expect(expected.count == parameters.total)
        for (step, expected) in expected.enumerated() {
            #expect(abs(rate.at(step) - expected) <= 1e-12 * parameters.rate, "step \(step)")
        }
    }

    @Test("every schedule has a golden case")
    func coverage() throws {
        let names = try Self.golden.map { name in
            let parameters: Parameters = try Fixture(name, in: .module).parameters()
            return try schedule(parameters.section).name
        }
        #expect(Set(names) == Set(ScheduleCatalog.all.map { $0.name }))
    }

    @Test(
        "every schedule reaches the configured rate, never exceeds it and stays positive to the last step",
        arguments: ScheduleCatalog.all.map { $0.name }, [0, 2.5])
    func bounds(name: String, warmupEpochs: Double) throws {
        let milestones = name == "multi_step" ? ", milestones: [3]" : ""
        let rate = LearningRate(
            0.5, try schedule("{name: \(name), warmup_epochs: \(warmupEpochs)\(milestones)}"), stepsPerEpoch: 10,
            totalSteps: 100)
        let rates = (0..<100).map(rate.at)
        #expect(rates.allSatisfy { $0 > 0 && $0 <= 0.5 })
        #expect((rates.max() ?? 0) > 0.499)
        if name != "one_cycle" { #expect(rate.at(Int(warmupEpochs * 10)) == 0.5) }
    }

    @Test("a warm-up longer than the run rises to its end")
    func longWarmup() throws {
        let rate = LearningRate(1, try schedule("{warmup_epochs: 5}"), stepsPerEpoch: 10, totalSteps: 4)
        #expect((0..<4).map(rate.at) == [0.2, 0.4, 0.6, 0.8])
    }

    @Test("runs of a single step have a rate", arguments: ScheduleCatalog.all.map { $0.name })
    func singleStep(name: String) throws {
        let milestones = name == "multi_step" ? ", milestones: [3]" : ""
        let rate = LearningRate(1, try schedule("{name: \(name)\(milestones)}"), stepsPerEpoch: 1, totalSteps: 1)
        #expect(rate.at(0) > 0 && rate.at(0) <= 1)
    }

    @Test("impossible values, keys of other schedules and unknown names are refused")
    func refusals() {
        #expect(
            problem("{name: cosin}")
                == "'name' names an unknown schedule 'cosin'; known: constant, step, multi_step, exponential, linear, "
                + "polynomial, cosine, one_cycle; did you mean 'cosine'?")
        #expect(problem("{warmup_epochs: -1}") == "'warmup_epochs' must be between 0 and 1000000, found -1.0")
        #expect(
            problem("multi_step")
                == "'milestones' needs the epochs after which the learning rate changes, as in [30, 60]")
        #expect(
            problem("{name: multi_step, milestones: [2, 0]}")
                == "'milestones' must be above 0 and at most 1000000, found 0.0")
        #expect(problem("{name: step, gamma: 0}") == "'gamma' must be positive, found 0.0")
        #expect(
            problem("{name: step, step_epochs: 0}") == "'step_epochs' must be above 0 and at most 1000000, found 0.0")
        #expect(problem("{end_factor: -1}") == "'end_factor' must not be negative, found -1.0")
        #expect(problem("{name: polynomial, power: 0}") == "'power' must be positive, found 0.0")
        #expect(problem("{name: one_cycle, pct_start: 2}") == "'pct_start' must be in [0, 1], found 2.0")
        #expect(problem("{name: one_cycle, div_factor: 0}") == "'div_factor' must be positive, found 0.0")
        #expect(
            problem("{name: cosine, gamma: 0.1}") == "unknown key 'gamma'; known: name, end_factor, warmup_epochs")
    }
}
