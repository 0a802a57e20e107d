#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <Python.h>
#include <numpy/arrayobject.h>

static PyObject *total(PyObject *self, PyObject *argument)
{
    PyObject *array = PyArray_FROM_OTF(argument, NPY_DOUBLE, NPY_ARRAY_IN_ARRAY);
    npy_intp index;
    double sum = 0;

    if (array == NULL)
        return NULL;
    for (index = 0; index < PyArray_SIZE((PyArrayObject *)array); index++)
        sum += ((double *)PyArray_DATA((PyArrayObject *)array))[index];
    Py_DECREF(array);
    return PyFloat_FromDouble(sum);
}

static PyMethodDef methods[] = {{"total", total, METH_O, "Return the sum."}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "total", NULL, -1, methods};

PyMODINIT_FUNC PyInit_total(void)
{
    PyObject *self;

    import_array();
    self = PyModule_Create(&module);
    if (self != NULL)
        PyModule_AddStringConstant(self, "NUMPY", NUMPY_BUILT_WITH);
    return self;
}
