import Configuration
import Foundation
import Testing

@Suite("Reading configurations")
struct ConfigurationReaderTests {
    private func read(_ yaml: String, _ overrides: String...) throws -> Sample {
        try ConfigurationReader.read(Sample(), yaml: yaml, file: "a.yaml", overrides: overrides)
    }

    private func fault(_ yaml: String, _ overrides: String...) -> String {
        do {
            _ = try ConfigurationReader.read(Sample(), yaml: yaml, file: "a.yaml", overrides: overrides)
            return "no error"
        } catch {
            return error.description
        }
    }

    @Test(
        "an empty text leaves the defaults",
        arguments: ["", "\n\n", "# nothing here\n", "training:\n  # later\n", "---\n"])
    func empty(yaml: String) throws {
        #expect(try read(yaml) == Sample())
    }

    @Test("the text changes what it names and nothing else")
    func overlays() throws {
        var expected = Sample()
        expected.run.seed = .max
        expected.training.epochs = 3
        expected.training.learningRate = 0.1
        expected.training.clipNorm = Nullable(1)
        expected.training.augment = []
        let yaml = """
            run: {seed: 18446744073709551615}
            training:
              epochs: 3
              learning_rate: 0.1
              clip_norm: 1
              augment: []
            """
        #expect(try read(yaml) == expected)
    }

    @Test("lists of sections and free parts are taken as a whole")
    func lists() throws {
        let sample = try read(
            """
            model:
              layers:
                - {name: conv, channels: 8}
                - name: linear
                  channels: 10
              options: {anything: [1, {deep: yes}]}
            schedule: {name: cosine, warmup: 1}
            """)
        #expect(sample.model.layers == [.init(name: "conv", channels: 8), .init(name: "linear", channels: 10)])
        let deep = ConfigurationValue.scalar(.init(text: "yes", isQuoted: false))
        let one = ConfigurationValue.scalar(.init(text: "1", isQuoted: false))
        #expect(sample.model.options["anything"] == .list([one, .section([.init("deep", deep)])]))
        #expect(sample.schedule.value == ScheduleSection(name: "cosine", warmup: 1))
    }

    @Test("overrides come after the text, the last one wins")
    func overrides() throws {
        let sample = try read(
            "training: {epochs: 3}", "training.epochs=4", "training.epochs=6", "training.clip_norm=null",
            "training.augment=[a, b]", "run.name=2024", "schedule={name: step, warmup: 0.5}", "schedule.warmup=2",
            "training.learning_rate=1e-3", "run.seed=0xff")
        #expect(sample.training.epochs == 6)
        #expect(sample.training.clipNorm == nil)
        #expect(sample.training.augment == ["a", "b"])
        #expect(sample.training.learningRate == 1e-3)
        #expect(sample.run.name == "2024")
        #expect(sample.run.seed == 255)
        #expect(sample.schedule.value == ScheduleSection(name: "step", warmup: 2))
    }

    @Test(
        "a fault in the text is told with file, line and key",
        arguments: [
            (
                "run:\n  seed: 1\ntraining:\n  epoch: 3\n",
                "a.yaml:4: unknown key 'training.epoch'; did you mean 'training.epochs'?"
            ),
            ("trainig: {}\n", "a.yaml:1: unknown key 'trainig'; did you mean 'training'?"),
            ("\nepochs: 3\n", "a.yaml:2: unknown key 'epochs'; did you mean 'training.epochs'?"),
            (
                "training.epochs: 3\n",
                "a.yaml:1: unknown key 'training.epochs'; in a file each part before a dot is a section of its own"
            ),
            ("zebra: 1\n", "a.yaml:1: unknown key 'zebra'; known: run, training, model, schedule"),
            ("1: 2\n", "a.yaml:1: unknown key '1'; known: run, training, model, schedule"),
            ("run: {<<: 1}\n", "a.yaml:1: unknown key 'run.<<'; known: name, seed, delivery"),
            (
                "model:\n  layers:\n    - {name: a, channels: 1}\n    - name: b\n      channel: 2\n      channels: 2\n",
                "a.yaml:5: unknown key 'model.layers[1].channel'; did you mean 'model.layers[1].channels'?"
            ),
            ("model: {layers: [{name: a}]}\n", "a.yaml:1: 'model.layers[0].channels' is missing"),
            (
                "model: {layers: [{name: a, chanels: 3}]}\n",
                "a.yaml:1: 'model.layers[0].channels' is missing; 'chanels' stands in its place"
            ),
            ("training:\n  epochs: three\n", "a.yaml:2: 'training.epochs' expects a whole number, found 'three'"),
            ("training:\n  epochs: 3.5\n", "a.yaml:2: 'training.epochs' expects a whole number, found '3.5'"),
            (
                "training:\n  epochs: \"3\"\n",
                "a.yaml:2: 'training.epochs' expects a whole number, found the text \"3\""
            ),
            ("training:\n  epochs:\n", "a.yaml:2: 'training.epochs' expects a whole number, found null"),
            ("training:\n  epochs: [3]\n", "a.yaml:2: 'training.epochs' expects a whole number, found a list"),
            ("training:\n  epochs:\n    a: 1\n", "a.yaml:2: 'training.epochs' expects a whole number, found a section"),
            (
                "training: {level: 300}\n",
                "a.yaml:1: 'training.level' expects a whole number from -128 to 127, found '300'"
            ),
            ("training: {nesterov: yes}\n", "a.yaml:1: 'training.nesterov' expects true or false, found 'yes'"),
            ("training: {weight_decay: 1e999}\n", "a.yaml:1: 'training.weight_decay' expects a number, found '1e999'"),
            ("training: {augment: crop}\n", "a.yaml:1: 'training.augment' expects a list, found 'crop'"),
            (
                "training:\n  augment:\n    - a\n    - [b]\n",
                "a.yaml:4: 'training.augment[1]' expects text, found a list"
            ),
            ("run: {name: ~}\n", "a.yaml:1: 'run.name' expects text, found null"),
            (
                "run: {delivery: steam}\n",
                "a.yaml:1: 'run.delivery' expects one of local, stream, found 'steam'; did you mean 'stream'?"
            ),
            ("run: 5\n", "a.yaml:1: 'run' is a section with the keys name, seed, delivery, found '5'"),
            (
                "- run\n",
                "a.yaml: a configuration is a section with the keys run, training, model, schedule, found a list"
            ),
            ("training:\n  level: 1\n  epochs: 0\n", "a.yaml:3: 'training.epochs' must be at least 1"),
            ("training: {learning_rate: .inf}\n", "a.yaml:1: 'training.learning_rate' must be finite"),
            (
                "model:\n  name: resnet2\n",
                "a.yaml:2: 'model.name' names an unknown model 'resnet2'; known: simple_cnn, resnet20; "
                    + "did you mean 'resnet20'?"
            ),
        ])
    func faults(yaml: String, text: String) {
        #expect(fault(yaml) == text)
    }

    @Test(
        "a text that is no YAML is told with line and column",
        arguments: [
            ("run: {name: a\n", "a.yaml:2:1: not valid YAML: did not find expected ',' or '}'"),
            ("run:\n\tname: a\n", "a.yaml:2:1: a tab cannot indent YAML; use spaces"),
            ("run:\n  seed: 1\n  seed: 2\n", "a.yaml:2: key 'seed' is given twice in its section; keep one"),
            ("run: 1\n---\nrun: 2\n", "a.yaml:2:1: not valid YAML: but found another document"),
            ("run: &x {name: a}\n", "a.yaml:1:6: anchors are not supported; write the value out"),
            ("run: {name: !!str a}\n", "a.yaml:1:13: the tag 'tag:yaml.org,2002:str' is not supported; remove it"),
            ("{[a]: b}\n", "a.yaml:1:2: a key must be a single word"),
            ("run:\n  name: \u{1}\n", "a.yaml:2: not valid YAML: control characters are not allowed"),
        ])
    func invalid(yaml: String, text: String) {
        #expect(fault(yaml) == text)
    }

    @Test(
        "a fault in an override is told with the override",
        arguments: [
            ("training.epoch=3", "training.epoch=3: unknown key 'training.epoch'; did you mean 'training.epochs'?"),
            ("training.epochs=x", "training.epochs=x: 'training.epochs' expects a whole number, found 'x'"),
            ("training.epochs=0", "training.epochs=0: 'training.epochs' must be at least 1"),
            ("training.epochs.a=0", "training.epochs.a=0: 'training.epochs' expects a whole number, found a section"),
            (
                "model.layers=[{name: a, channel: 1, channels: 1}]",
                "model.layers=[{name: a, channel: 1, channels: 1}]: unknown key 'model.layers[0].channel'; "
                    + "did you mean 'model.layers[0].channels'?"
            ),
            (
                "run=3", "run=3: 'run' is a section with the keys name, seed, delivery, found '3'"
            ),
            ("training.epochs", "training.epochs: an override needs the form key=value, as in training.epochs=3"),
            ("=3", "=3: '' is no key; write it as in training.epochs=3"),
            ("a..b=3", "a..b=3: 'a..b' is no key; write it as in training.epochs=3"),
            ("run.name=[a", "run.name=[a: not valid YAML: did not find expected ',' or ']'"),
        ])
    func overrideFaults(override: String, text: String) {
        #expect(fault("run: {seed: 3}\nmodel: {layers: [{name: a, channels: 1}]}", override) == text)
    }

    @Test("a file that cannot be read or is not text is told in one line")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("a.yaml").path

        func fault() -> String {
            do {
                _ = try ConfigurationReader.readFile(Sample(), path: path)
                return "no error"
            } catch {
                return error.description
            }
        }
        #expect(fault() == "\(path): no such file; check the path")
        try Data([0x72, 0xff, 0xfe]).write(to: URL(fileURLWithPath: path))
        #expect(fault() == "\(path): not UTF-8 text; save the file in UTF-8")
        try Data("training: {epochs: 9}\n".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try ConfigurationReader.readFile(Sample(), path: path).training.epochs == 9)
        #expect(
            throws: ConfigurationError(.file(folder.path), "cannot be read; it must be a readable file")
        ) { try ConfigurationReader.readFile(Sample(), path: folder.path) }
    }

    @Test("a damaged text is read or refused, and never traps")
    func damage() throws {
        let pieces = Array("{}[]:-,#&*!|>'\"%@`?\t\n \\0a~<.\r\u{0}\u{85}ü")
        let whole = Array(try ConfigurationWriter.write(Sample()) + "\nlist: [{a: &x 1}, *x, ? b]\n")
        for seed in 0..<3000 as Range<UInt64> {
            var random = SeededGenerator(state: seed)
            var text = whole
            for _ in 0...Int.random(in: 0..<6, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                let piece = pieces[Int.random(in: 0..<pieces.count, using: &random)]
                if Bool.random(using: &random) { text[place] = piece } else { text.insert(piece, at: place) }
            }
            do throws(ConfigurationError) {
                _ = try ConfigurationReader.read(Sample(), yaml: String(text), file: "a.yaml")
            } catch {
                #expect(error.description.hasPrefix("a.yaml:"), "seed \(seed)")
            }
        }
    }

    @Test("nesting without end is refused")
    func nesting() {
        let yaml = "run: " + String(repeating: "[", count: 100_000)
        #expect(fault(yaml).hasPrefix("a.yaml:1"))
    }

    @Test("names that are near are guessed, others are not")
    func nearestNames() {
        #expect(NearestName.of("cifar", among: ["cifar10", "cifar100"]) == "cifar10")
        #expect(NearestName.of("CIFAR10", among: ["shapes", "cifar10"]) == "cifar10")
        #expect(NearestName.of("epohcs", among: ["epochs"]) == "epochs")
        #expect(NearestName.of("xyz", among: ["sgd", "adam"]) == nil)
        #expect(NearestName.of("", among: ["sgd"]) == nil)
        #expect(
            UnknownName(kind: "data set", name: "cifar", known: ["cifar10", "shapes"]).description
                == "unknown data set 'cifar'; known: cifar10, shapes; did you mean 'cifar10'?")
    }
}
