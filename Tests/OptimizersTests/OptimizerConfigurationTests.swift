import Configuration
import Optimizers
import Testing

@Suite("Optimizer configuration")
struct OptimizerConfigurationTests {
    private func problem(_ section: String) -> String {
        do throws(ConfigurationError) {
            _ = try optimizer(section)
            return "no problem"
        } catch {
            return error.problem
        }
    }

    @Test("every rule's defaults are possible, and stand where nothing is given", arguments: OptimizerCatalog.all)
    func defaults(type: any Optimizer.Type) throws {
        let configuration = try optimizer("{name: \(type.name)}")
        #expect(configuration.problems().isEmpty)
        #expect(try configuration == OptimizerConfiguration(named: type.name))
        #expect(try optimizer(type.name) == configuration, "the name alone is enough")
        let text = try ConfigurationWriter.write(configuration)
        #expect(try optimizer(text) == configuration)
    }

    @Test("a rule's own default stands where only the name is given, not another rule's")
    func ownDefaults() throws {
        #expect(try optimizer("{}").rule.learningRate == 0.05)
        #expect(try optimizer("{name: adamw}").rule.learningRate == 0.001)
        #expect(try optimizer("{name: adamw}").rule.weightDecay == 0.01)
        #expect(try optimizer("{name: adam}").rule.weightDecay == 0)
        #expect(try optimizer("{name: adamw, learning_rate: 0.5}").rule.learningRate == 0.5)
    }

    @Test("what is written has the keys of the rule and no others")
    func written() throws {
        let section = "{name: adamw, groups: [{match: '*.bias', weight_decay: 0}]}"
        #expect(
            try ConfigurationWriter.write(optimizer(section)) == """
                name: adamw
                learning_rate: 0.001
                betas:
                  - 0.9
                  - 0.999
                eps: 1e-08
                weight_decay: 0.01
                decay_bias_and_norms: true
                groups:
                  - match: "*.bias"
                    weight_decay: 0.0

                """)
    }

    @Test("impossible values are told by key")
    func impossible() {
        #expect(problem("{learning_rate: 0}") == "'learning_rate' must be positive, found 0.0")
        #expect(problem("{learning_rate: .nan}") == "'learning_rate' must be positive, found nan")
        #expect(problem("{weight_decay: -1}") == "'weight_decay' must not be negative, found -1.0")
        #expect(problem("{momentum: 1}") == "'momentum' must be in [0, 1), found 1.0")
        #expect(problem("{nesterov: false, dampening: 1.5}") == "'dampening' must be in [0, 1], found 1.5")
        #expect(problem("{name: adam, betas: [0.9]}") == "'betas' must be two numbers in [0, 1), found [0.9]")
        #expect(problem("{name: lamb, betas: [0.9, 1]}") == "'betas' must be two numbers in [0, 1), found [0.9, 1.0]")
        #expect(problem("{name: adamw, eps: 0}") == "'eps' must be positive, found 0.0")
        #expect(problem("{name: rmsprop, alpha: 1}") == "'alpha' must be in [0, 1), found 1.0")
        #expect(problem("{name: rmsprop, momentum: -0.5}") == "'momentum' must be in [0, 1), found -0.5")
        #expect(
            problem("{name: lars, trust_coefficient: 0}") == "'trust_coefficient' must be positive, found 0.0")
        #expect(
            problem("{groups: [{match: a}, {match: b, learning_rate_factor: -1}]}")
                == "'groups[1].learning_rate_factor' must not be negative, found -1.0")
        #expect(problem("{groups: [{weight_decay: 0}]}") == "'groups[0].match' is missing")
        #expect(
            problem("{groups: [{match: a, weight_deca: 0}]}")
                == "unknown key 'groups[0].weight_deca'; did you mean 'groups[0].weight_decay'?")
    }

    @Test("Nesterov needs momentum without dampening")
    func nesterov() {
        let message = "'nesterov' needs a momentum above 0 and a dampening of 0; set nesterov: false"
        #expect(problem("{momentum: 0}") == message)
        #expect(problem("{dampening: 0.5}") == message)
    }

    @Test("a key of another rule is refused with the keys that there are")
    func otherKeys() {
        #expect(
            problem("{name: adamw, momentum: 0.9}")
                == "unknown key 'momentum'; known: name, learning_rate, betas, eps, weight_decay, decay_bias_and_norms, "
                + "groups")
        #expect(problem("{name: adam, beta: 0.9}") == "unknown key 'beta'; did you mean 'betas'?")
    }

    @Test("an unknown name is refused with the nearest one")
    func unknown() {
        #expect(
            problem("{name: sgdm}")
                == "'name' names an unknown optimizer 'sgdm'; known: sgd, adam, adamw, rmsprop, lars, lamb; "
                + "did you mean 'sgd'?")
    }
}
