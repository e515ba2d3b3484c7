import Configuration

/// The schedules that a configuration can name.
public enum ScheduleCatalog {
    /// All of them.
    public static let all: [any Schedule.Type] = [
        ConstantSchedule.self, StepSchedule.self, MultiStepSchedule.self, ExponentialSchedule.self,
        LinearSchedule.self, PolynomialSchedule.self, CosineSchedule.self, OneCycleSchedule.self,
    ]

    static func type(named name: String) throws(UnknownName) -> any Schedule.Type {
        try all.entry(named: name, kind: "schedule") { $0.name }
    }
}

/// The `schedule` section of a configuration.
public struct ScheduleConfiguration: NamedSection, Equatable, ValidatedSection {
    /// The schedule after the warm-up.
    public var schedule: any Schedule
    /// Epochs over which the learning rate rises linearly before.
    public var warmupEpochs = 0.0

    private enum CodingKeys: String, CodingKey {
        case warmupEpochs = "warmup_epochs"
    }

    /// The schedule's name.
    public var name: String { schedule.name }

    /// A cosine.
    public init() { schedule = CosineSchedule() }

    /// A schedule with its defaults.
    public init(named name: String) throws(UnknownName) { schedule = try ScheduleCatalog.type(named: name).init() }

    /// Reads the name, the schedule's keys and the common one.
    public init(from decoder: any Decoder) throws {
        schedule = try ScheduleCatalog.type(named: SectionName(from: decoder).name).init(from: decoder)
        warmupEpochs = try decoder.container(keyedBy: CodingKeys.self).decode(Double.self, forKey: .warmupEpochs)
    }

    /// Writes the name, the schedule's keys and the common one.
    public func encode(to encoder: any Encoder) throws {
        try SectionName(name).encode(to: encoder)
        try schedule.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(warmupEpochs, forKey: .warmupEpochs)
    }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        let found = schedule.problems()
        if warmupEpochs >= 0 && warmupEpochs <= 1e6 { return found }
        return found + [("warmup_epochs", "must be between 0 and 1000000, found \(warmupEpochs)")]
    }

    /// Whether both give the same rates.
    public static func == (a: Self, b: Self) -> Bool {
        a.schedule.isEqual(to: b.schedule) && a.warmupEpochs == b.warmupEpochs
    }
}
