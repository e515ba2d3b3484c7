import Configuration

/// A configuration with one of everything that sections use.
struct Sample: Codable, Sendable, Equatable {
    var run = RunSection()
    var training = TrainingSection()
    var model = ModelSection()
    var schedule: Nullable<ScheduleSection> = nil
}

struct RunSection: Codable, Sendable, Equatable {
    var name = "first"
    var seed: UInt64 = 1
    var delivery = Delivery.local
}

enum Delivery: String, Codable, CaseIterable, Sendable { case local, stream }

struct TrainingSection: Codable, Sendable, Equatable, ValidatedSection {
    var epochs = 5
    var learningRate: Float = 0.05
    var weightDecay = 5.0e-4
    var clipNorm: Nullable<Double> = nil
    var augment = ["random_crop", "horizontal_flip"]
    var nesterov = true
    var level: Int8 = 0

    enum CodingKeys: String, CodingKey {
        case epochs, augment, nesterov, level
        case learningRate = "learning_rate"
        case weightDecay = "weight_decay"
        case clipNorm = "clip_norm"
    }

    func problems() -> [(key: String, problem: String)] {
        var problems: [(key: String, problem: String)] = []
        if epochs < 1 { problems.append(("epochs", "must be at least 1")) }
        if !learningRate.isFinite { problems.append(("learning_rate", "must be finite")) }
        return problems
    }
}

struct ModelSection: Codable, Sendable, Equatable, ValidatedSection {
    var name = "simple_cnn"
    var layers: [LayerSection] = []
    var options: ConfigurationValue = .null

    func problems() -> [(key: String, problem: String)] {
        let known = ["simple_cnn", "resnet20"]
        if known.contains(name) { return [] }
        return [("name", "names an \(UnknownName(kind: "model", name: name, known: known))")]
    }
}

struct LayerSection: Codable, Sendable, Equatable {
    var name: String
    var channels: Int
}

struct ScheduleSection: Codable, Sendable, Equatable {
    var name: String
    var warmup: Double
}
