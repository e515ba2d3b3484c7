import Testing
import Training

@Suite("Open files")
struct OpenFilesTests {
    @Test(
        "what a process needs grows with those it talks to, and too low a limit is an error that says how to raise it")
    func limit() throws {
        #expect(try OpenFiles.needed(peers: 0, allowed: 1024) == 96)
        #expect(try OpenFiles.needed(peers: 8, allowed: 224) == 224)
        do {
            _ = try OpenFiles.needed(peers: 8, allowed: 223)
            Issue.record("223 files are too few")
        } catch {
            #expect(
                error.description
                    == "to talk to 8 other processes this one needs 224 open files, and may have 223; raise the limit with: "
                    + "ulimit -n 224")
        }
    }
}
