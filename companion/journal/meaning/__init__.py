"""What words mean, as points on a sphere: for searching a journal by more than its words.

    pieces    text -> the pieces a model knows
    still     WordLlama: one fixed vector per piece, weighted by how rare it is; 18 MB, a tenth of a millisecond a passage
    reader    MiniLM: reads the whole sentence; wants onnxruntime (an extra) and tens of milliseconds a passage
    near      thousands of vectors in one byte a number: the nearest to a question

Nothing of it is loaded before it is used. All of it is blocking: it runs in a thread.
"""
