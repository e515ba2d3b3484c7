import Configuration
import Testing

@Suite("Named sections")
struct NamedSectionTests {
    struct Circle: NamedEntry {
        static let name = "circle"
        var radius = 2.0

        func problems() -> [(key: String, problem: String)] {
            radius > 0 ? [] : [("radius", "must be positive, found \(radius)")]
        }
    }

    struct Square: NamedEntry {
        static let name = "square"
        var side = 3.0
        var corners: Nullable<Int> = nil
    }

    /// A section with one key that all entries share.
    struct Figure: NamedSection, Equatable, ValidatedSection {
        static let all: [any NamedEntry.Type] = [Circle.self, Square.self]
        var entry: any NamedEntry = Circle()
        var colour = "red"
        var name: String { entry.name }

        init() {}
        init(named name: String) throws(UnknownName) { entry = try Self.type(named: name).init() }

        static func type(named name: String) throws(UnknownName) -> any NamedEntry.Type {
            try all.entry(named: name, kind: "figure") { $0.name }
        }

        enum CodingKeys: String, CodingKey { case colour }

        init(from decoder: any Decoder) throws {
            entry = try Self.type(named: SectionName(from: decoder).name).init(from: decoder)
            colour = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .colour)
        }

        func encode(to encoder: any Encoder) throws {
            try SectionName(name).encode(to: encoder)
            try entry.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(colour, forKey: .colour)
        }

        func problems() -> [(key: String, problem: String)] { entry.problems() }
        static func == (a: Self, b: Self) -> Bool { a.entry.isEqual(to: b.entry) && a.colour == b.colour }
    }

    struct Drawing: Codable, Sendable, Equatable {
        var figure = Figure()
        var others: [Figure] = []
        var width = 1
    }

    private func read(_ yaml: String, _ overrides: String...) throws(ConfigurationError) -> Drawing {
        try ConfigurationReader.read(Drawing(), yaml: yaml, file: "f", overrides: overrides)
    }

    private func problem(_ yaml: String, _ overrides: String...) -> String {
        do throws(ConfigurationError) {
            _ = try ConfigurationReader.read(Drawing(), yaml: yaml, file: "f", overrides: overrides)
            return "no problem"
        } catch {
            return "\(error)"
        }
    }

    @Test("the default entry stands where nothing is said, its defaults where keys are left out")
    func defaults() throws {
        #expect(try read("") == Drawing())
        #expect(try read("figure:\n") == Drawing(), "a section of which all lines are commented out")
        #expect(try read("figure: {colour: blue}").figure.entry.isEqual(to: Circle()))
        #expect(try read("figure: {name: square}").figure.entry.isEqual(to: Square()))
        #expect(try read("figure: {radius: 5}").figure.entry.isEqual(to: Circle(radius: 5)))
        #expect(try read("figure: {name: square, side: 4}").figure.entry.isEqual(to: Square(side: 4)))
    }

    @Test("the name alone stands for a section, also in lists")
    func bareName() throws {
        #expect(try read("figure: square").figure.entry.isEqual(to: Square()))
        let others = try read("others: [square, {name: circle, radius: 7}]").others
        #expect(others.map(\.name) == ["square", "circle"] && others[1].entry.isEqual(to: Circle(radius: 7)))
    }

    @Test("the command line goes over the file key by key")
    func overrides() throws {
        let figure = try read("figure: {name: square, side: 4}", "figure.side=5", "figure.colour=blue").figure
        #expect(figure.entry.isEqual(to: Square(side: 5)) && figure.colour == "blue")
        #expect(try read("", "figure.name=square").figure.entry.isEqual(to: Square()))
        #expect(try read("figure: square", "figure.side=6").figure.entry.isEqual(to: Square(side: 6)))
        #expect(try read("", "figure=square", "figure.side=6").figure.entry.isEqual(to: Square(side: 6)))
    }

    @Test("what is written is complete, has no other entry's keys and reads back")
    func written() throws {
        let drawing = try read("{figure: {name: square, side: 4}, others: [circle]}")
        let text = try ConfigurationWriter.write(drawing)
        #expect(
            text == """
                figure:
                  name: square
                  side: 4.0
                  corners: null
                  colour: red
                others:
                  - name: circle
                    radius: 2.0
                    colour: red
                width: 1

                """)
        #expect(try read(text) == drawing)
    }

    @Test("faults are told with place, key and what there is")
    func faults() {
        #expect(
            problem("figure:\n  name: squar\n")
                == "f:2: 'figure.name' names an unknown figure 'squar'; known: circle, square; did you mean 'square'?")
        #expect(
            problem("figure: squar\n")
                == "f:1: 'figure' names an unknown figure 'squar'; known: circle, square; did you mean 'square'?")
        #expect(
            problem("figure:\n  name: square\n  radius: 3\n")
                == "f:3: unknown key 'figure.radius'; known: name, side, corners, colour")
        #expect(
            problem("", "figure.name=square", "figure.sid=3")
                == "figure.sid=3: unknown key 'figure.sid'; did you mean 'figure.side'?")
        #expect(problem("figure: {radius: -1}") == "f:1: 'figure.radius' must be positive, found -1.0")
        #expect(problem("figure: {name: [a]}") == "f:1: 'figure.name' expects text, found a list")
        #expect(problem("figure: [a]") == "f:1: 'figure' expects a section of keys and values, found a list")
        #expect(problem("figure: {radius: far}") == "f:1: 'figure.radius' expects a number, found 'far'")
    }
}
