import Configuration
import Foundation
import Testing

@Suite("Writing configurations")
struct ConfigurationWriterTests {
    @Test("the text is block style with all keys in the order of the coding keys")
    func layout() throws {
        var sample = Sample()
        sample.run.name = "true"
        sample.model.layers = [.init(name: "conv", channels: 8), .init(name: "a b", channels: 10)]
        let text = try ConfigurationWriter.write(sample)
        #expect(
            text == """
                run:
                  name: "true"
                  seed: 1
                  delivery: local
                training:
                  epochs: 5
                  augment:
                    - random_crop
                    - horizontal_flip
                  nesterov: true
                  level: 0
                  learning_rate: 0.05
                  weight_decay: 0.0005
                  clip_norm: null
                model:
                  name: simple_cnn
                  layers:
                    - name: conv
                      channels: 8
                    - name: "a b"
                      channels: 10
                  options: null
                schedule: null

                """)
    }

    @Test("what is written reads back equal, whatever the values")
    func roundTrip() throws {
        for seed in 0..<300 {
            var random = SeededGenerator(state: UInt64(seed))
            let sample = Sample.random(using: &random)
            let text = try ConfigurationWriter.write(sample)
            let back = try ConfigurationReader.read(Sample(), yaml: text, file: "written")
            #expect(back == sample, "seed \(seed):\n\(text)")
            #expect(try ConfigurationWriter.write(back) == text, "seed \(seed)")
        }
    }

    @Test("the digest is that of the written text")
    func digest() throws {
        var sample = Sample()
        let first = try ConfigurationWriter.digest(of: sample)
        #expect(try ConfigurationWriter.digest(of: sample) == first)
        sample.training.learningRate = sample.training.learningRate.nextUp
        #expect(try ConfigurationWriter.digest(of: sample) != first)
    }

    @Test("free parts survive the passage through another format")
    func freePartsInJSON() throws {
        let yaml = "model: {options: {a: [1, 2.5, true, null, text, \"5\"], b: {}}}"
        let options = try ConfigurationReader.read(Sample(), yaml: yaml, file: "a.yaml").model.options
        let json = try JSONEncoder().encode(options["a"])
        #expect(String(decoding: json, as: UTF8.self) == #"[1,2.5,true,null,"text","5"]"#)
        #expect(try JSONDecoder().decode(ConfigurationValue.self, from: json) == options["a"])
    }
}

/// SplitMix64, so that a failing case can be repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }
}

extension Sample {
    fileprivate static func random(using random: inout SeededGenerator) -> Sample {
        var sample = Sample()
        sample.run.name = text(&random)
        sample.run.seed = random.next()
        sample.run.delivery = Bool.random(using: &random) ? .local : .stream
        sample.training.epochs = Int.random(in: 1...Int.max, using: &random)
        sample.training.learningRate = Float(bitPattern: UInt32.random(in: 0..<0x7f80_0000, using: &random))
        sample.training.weightDecay = -Double(bitPattern: UInt64.random(in: 0..<0x7ff0_0000_0000_0000, using: &random))
        sample.training.clipNorm = Bool.random(using: &random) ? nil : Nullable(.infinity)
        sample.training.augment = (0..<Int.random(in: 0..<4, using: &random)).map { _ in text(&random) }
        sample.model.layers = (0..<Int.random(in: 0..<3, using: &random)).map { _ in
            LayerSection(name: text(&random), channels: .random(in: .min ... .max, using: &random))
        }
        sample.model.options = value(&random, depth: 3)
        return sample
    }

    private static func value(_ random: inout SeededGenerator, depth: Int) -> ConfigurationValue {
        let count = Int.random(in: 0..<4, using: &random)
        switch Int.random(in: 0..<(depth > 0 ? 3 : 1), using: &random) {
        case 1: return .list((0..<count).map { _ in value(&random, depth: depth - 1) })
        case 2:
            // The number makes the keys of a section differ.
            return .section((0..<count).map { .init("\(text(&random))\($0)", value(&random, depth: depth - 1)) })
        default: return .scalar(.init(text: text(&random), isQuoted: Bool.random(using: &random)))
        }
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        let pieces = [
            "a", "B", "_", "0", "7", ".", "-", "+", "e", "/", ":", " ", "#", "\"", "'", "\\", "\n", "\t", "{", "[", "*",
            "&", "!", "%", "ü", "\u{301}", "漢", "🚚", "\u{0}", "\u{85}", "\u{2028}", "\r", "null", "true",
            "~", "0x1f", ".nan", ".inf", "---", "...", "yes", "1e5", ",", "|", ">", "?", "=", "<<", "@", "`",
        ]
        return (0..<Int.random(in: 0..<5, using: &random))
            .map { _ in pieces[Int.random(in: 0..<pieces.count, using: &random)] }.joined()
    }
}
